"""The tables that tell how a shop and its lists are doing; `catalogue` has them all."""

from typing import Final

from nightshelf.columns import CATEGORY, DS, SOURCE, USER
from nightshelf.tables.contract import (
    BIGINT,
    DATE,
    DOUBLE,
    INT,
    STRING,
    STRINGS,
    Column,
    Table,
)

FUNNELS: Final = Table(
    "gold.funnels",
    columns=(
        Column(CATEGORY, STRING),
        Column("step", STRING),
        Column("place", INT, low=1),
        Column("pairs", BIGINT, low=0),
        Column("users", BIGINT, low=0),
        Column(DS, DATE),
    ),
    keys=((CATEGORY, "step"),),
    layout=(CATEGORY, "place"),
    may_be_empty=True,
)

COHORTS: Final = Table(
    "gold.cohorts",
    columns=(
        Column("cohort", DATE),
        Column("age_weeks", INT, low=0),
        Column("users", BIGINT, low=1),
        Column("active", BIGINT, low=0),
        Column("buyers", BIGINT, low=0),
        Column(DS, DATE),
    ),
    keys=(("cohort", "age_weeks"),),
    layout=("cohort", "age_weeks"),
    may_be_empty=True,
)

SESSION_SHAPES: Final = Table(
    "gold.session_shapes",
    columns=(
        Column("measure", STRING, values=("events", "minutes", "items", "hour", "weekday")),
        Column("bin", STRING),
        Column("place", INT, low=0),
        Column("sessions", BIGINT, low=1),
        Column("with_purchase", BIGINT, low=0),
        Column(DS, DATE),
    ),
    keys=(("measure", "bin"),),
    layout=("measure", "place"),
    may_be_empty=True,
)

CATEGORY_PATHS: Final = Table(
    "gold.category_paths",
    columns=(
        Column(CATEGORY, STRING),
        Column("next_category", STRING),
        Column("steps", BIGINT, low=1),
        Column("users", BIGINT, low=1),
        Column(DS, DATE),
    ),
    keys=((CATEGORY, "next_category"),),
    layout=(CATEGORY, "next_category"),
    may_be_empty=True,
)

CUSTOMERS: Final = Table(
    "gold.customers",
    columns=(
        Column(USER, STRING),
        Column("recency_days", INT, low=0),
        Column("frequency", BIGINT, low=1),
        Column("monetary", DOUBLE, optional=True, low=0.0),
        Column("recency_grade", INT, low=1, high=5),
        Column("frequency_grade", INT, low=1, high=5),
        Column("monetary_grade", INT, optional=True, low=1, high=5),
        Column("kind", STRING),
        Column("interest_drift", DOUBLE, optional=True, low=0.0, high=1.001),
        Column(DS, DATE),
    ),
    keys=((USER,),),
    layout=(USER,),
    may_be_empty=True,
)

BASKET_RULES: Final = Table(
    "gold.basket_rules",
    columns=(
        Column("antecedent", STRINGS),
        Column("consequent", STRING),
        Column("baskets", BIGINT, low=1),
        Column("confidence", DOUBLE, low=0.0, high=1.0),
        Column("lift", DOUBLE, low=0.0),
        Column(DS, DATE),
    ),
    keys=(),
    layout=("consequent",),
    may_be_empty=True,
)

DRIFT: Final = Table(
    "gold.drift",
    columns=(
        Column("subject", STRING, values=("user_features", "item_features", "labels", "events")),
        Column("name", STRING),
        Column("measure", STRING, values=("psi", "divergence", "unseen", "change")),
        Column("value", DOUBLE, low=0.0),
        Column("limit_value", DOUBLE, optional=True, low=0.0),
        Column("before", BIGINT, low=0),
        Column("now", BIGINT, low=0),
        Column("values", STRINGS, optional=True),
        Column(DS, DATE),
    ),
    keys=(("subject", "name", "measure"),),
    layout=("subject", "name"),
    may_be_empty=True,
)

GOLD_EVALUATION: Final = Table(
    "gold.evaluation",
    columns=(
        Column("model", STRING),
        Column(SOURCE, STRING),
        Column("metric", STRING),
        Column("segment", STRING),
        Column("value", DOUBLE, optional=True, low=0.0, high=1e9),
        Column("low", DOUBLE, optional=True, low=-1e9, high=1e9),
        Column("high", DOUBLE, optional=True, low=-1e9, high=1e9),
        Column("n", BIGINT, low=0),
        Column("why", STRING, optional=True),
        Column(DS, DATE),
    ),
    keys=(("model", SOURCE, "metric", "segment"),),
    layout=("model", "metric"),
)
