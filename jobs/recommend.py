"""spark-submit jobs/recommend.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.recommend import main

if __name__ == "__main__":
    main()
