"""spark-submit jobs/build_item_text.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.build_item_text import main

if __name__ == "__main__":
    main()
