"""spark-submit jobs/erase_user.py --conf-file conf/local.yaml --ds 2026-11-24 --user ID"""

from nightshelf.jobs.erase_user import main

if __name__ == "__main__":
    main()
