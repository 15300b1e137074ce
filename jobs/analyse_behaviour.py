"""spark-submit jobs/analyse_behaviour.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.analyse_behaviour import main

if __name__ == "__main__":
    main()
