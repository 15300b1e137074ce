"""spark-submit jobs/rank_search.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.rank_search import main

if __name__ == "__main__":
    main()
