"""spark-submit jobs/simulate_shop.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.simulate_shop import main

if __name__ == "__main__":
    main()
