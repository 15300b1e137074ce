"""spark-submit jobs/build_search_index.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.build_search_index import main

if __name__ == "__main__":
    main()
