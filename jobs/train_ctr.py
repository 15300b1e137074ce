"""spark-submit jobs/train_ctr.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.train_ctr import main

if __name__ == "__main__":
    main()
