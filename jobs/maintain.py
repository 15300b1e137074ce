"""spark-submit jobs/maintain.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.maintain import main

if __name__ == "__main__":
    main()
