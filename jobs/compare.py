"""spark-submit jobs/compare.py --conf-file conf/local.yaml --a RUN_ID --b RUN_ID"""

from nightshelf.jobs.compare import main

if __name__ == "__main__":
    main()
