"""spark-submit jobs/ingest.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.ingest import main

if __name__ == "__main__":
    main()
