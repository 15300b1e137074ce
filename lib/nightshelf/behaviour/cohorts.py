"""Who comes back: users by the week of their first event, in the weeks after it."""

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, EVENT_TYPE, USER, Transform


def cohorts(ds: date, weeks: int) -> Transform:
    """[silver.events up to ds] -> [cohort, age_weeks, users, active, buyers].

    cohort: the first day of seven, counted back from ds, in which a user's first event lies; of the
    last `weeks`, each with all ages up to ds, from 0. users: the cohort's; active, buyers: those of
    them with an event, and with a purchase, in that week.
    """

    def transform(events: DataFrame) -> DataFrame:
        back = F.floor(F.date_diff(F.lit(ds), DS) / 7).cast("int")
        by_week = events.groupBy(USER, back.alias("back")).agg(
            F.max((F.col(EVENT_TYPE) == "purchase").cast("int")).alias("bought")
        )
        first = by_week.groupBy(USER).agg(F.max("back").alias("joined"))
        young = first.where(F.col("joined") < weeks)
        sizes = young.groupBy("joined").agg(F.count("*").alias("users"))
        came = (
            by_week.join(young, USER, "inner")
            .groupBy("joined", "back")
            .agg(F.count("*").alias("active"), F.sum("bought").alias("buyers"))
        )
        every = sizes.withColumn("back", F.explode(F.sequence(F.lit(0), F.col("joined"))))
        start = F.date_sub(F.lit(ds - timedelta(days=6)), (F.col("joined") * 7).cast("int"))
        return every.join(came, ["joined", "back"], "left").select(
            start.alias("cohort"),
            (F.col("joined") - F.col("back")).alias("age_weeks"),
            "users",
            F.coalesce("active", F.lit(0)).alias("active"),
            F.coalesce("buyers", F.lit(0)).alias("buyers"),
        )

    return transform
