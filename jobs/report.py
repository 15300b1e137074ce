"""spark-submit jobs/report.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.report import main

if __name__ == "__main__":
    main()
