"""spark-submit jobs/check_drift.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.check_drift import main

if __name__ == "__main__":
    main()
