"""spark-submit jobs/score_reviews.py --conf-file conf/local.yaml --ds 2026-11-24"""

from nightshelf.jobs.score_reviews import main

if __name__ == "__main__":
    main()
