"""spark-submit jobs/rollback.py --conf-file conf/local.yaml --to-ds 2026-11-23

Or, for an earlier model: --ds 2026-11-24 --model MODEL_ID
"""

from nightshelf.jobs.rollback import main

if __name__ == "__main__":
    main()
