"""spark-submit jobs/train_text.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.train_text import main

if __name__ == "__main__":
    main()
