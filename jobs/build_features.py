"""spark-submit jobs/build_features.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.build_features import main

if __name__ == "__main__":
    main()
