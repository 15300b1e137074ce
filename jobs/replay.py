"""spark-submit jobs/replay.py --conf-file conf/local.yaml --run-id 2026-11-24-0123456789ab"""

from nightshelf.jobs.replay import main

if __name__ == "__main__":
    main()
