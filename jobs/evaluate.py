"""spark-submit jobs/evaluate.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.evaluate import main

if __name__ == "__main__":
    main()
