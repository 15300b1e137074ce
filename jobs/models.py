"""spark-submit jobs/models.py --conf-file conf/local.yaml"""

from nightshelf.jobs.models import main

if __name__ == "__main__":
    main()
