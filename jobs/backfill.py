"""spark-submit jobs/backfill.py --conf-file … --job build_item_cf --ds-from A --ds-to B"""

from nightshelf.jobs.backfill import main

if __name__ == "__main__":
    main()
