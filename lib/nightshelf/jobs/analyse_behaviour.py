"""Analyse behaviour: events and items up to ds -> gold.funnels, gold.customers and the like."""

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nightshelf.behaviour.baskets import baskets, rules
from nightshelf.behaviour.cohorts import cohorts
from nightshelf.behaviour.customers import customers
from nightshelf.behaviour.funnel import funnel
from nightshelf.behaviour.placed import placed
from nightshelf.behaviour.sessions import paths, shapes
from nightshelf.columns import (
    DS,
    EVENT_TS,
    EVENT_TYPE,
    ITEM,
    PRICE,
    QUANTITY,
    RATING,
    SESSION,
    USER,
)
from nightshelf.jobs.shop import shop_as_of
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.tables import (
    BASKET_RULES,
    CATEGORY_PATHS,
    COHORTS,
    CUSTOMERS,
    FUNNELS,
    SESSION_SHAPES,
    Table,
)

READ = (USER, ITEM, EVENT_TYPE, EVENT_TS, QUANTITY, PRICE, RATING, SESSION, DS)
TABLES = (FUNNELS, COHORTS, SESSION_SHAPES, CATEGORY_PATHS, CUSTOMERS, BASKET_RULES)


def run(run: Run) -> None:
    """Publishes what shoppers did up to ds."""
    config = run.config.behaviour
    if not config.enabled:
        raise Skipped("behaviour.enabled is false")
    shop = shop_as_of(run, run.ds)
    events = shop.events.select(*READ).transform(placed(shop.items)).persist()  # read six times
    run.rows_in = events.count()
    recent = events.where(_last(run, config.window_days))
    bought = events.where(_last(run, config.basket_days)).transform(baskets).persist()
    found = {
        FUNNELS: recent.transform(funnel),
        COHORTS: shop.events.transform(cohorts(run.ds, config.cohort_weeks)),
        SESSION_SHAPES: recent.transform(shapes),
        CATEGORY_PATHS: recent.transform(paths(config.paths)),
        CUSTOMERS: events.transform(customers(run.ds, config.drift_days, run.config.feedback)),
        BASKET_RULES: rules(bought, config),
    }
    for table, rows in found.items():
        run.publish(_dated(run, rows, table), table)


def _last(run: Run, days: int) -> Column:
    return F.col(DS) > F.lit(run.ds - timedelta(days=days))


def _dated(run: Run, rows: DataFrame, table: Table) -> DataFrame:
    return rows.withColumn(DS, F.lit(run.ds)).select(*(column.name for column in table.columns))


JOB = Job("analyse_behaviour", run, writes=TABLES)
main = single(JOB)
