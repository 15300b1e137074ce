"""All tables of the warehouse, in the order in which a night writes them."""

from typing import Final

from nightshelf.columns import (
    ASPECTS,
    ATTRIBUTES,
    CATEGORIES,
    CATEGORY,
    CO_USERS,
    DELISTED,
    DESCRIPTION,
    DS,
    EVENT_TS,
    EVENT_TYPE,
    EVENT_TYPES,
    FEATURES,
    ITEM,
    LOVED_BRANDS,
    LOVED_CATEGORIES,
    MODEL_ID,
    NEIGHBOUR,
    NUMBERS,
    POSITION,
    PRICE,
    PROPENSITY,
    QUANTITY,
    QUERY,
    RANK,
    RATING,
    REASON,
    RECENT,
    REVIEW,
    REVIEW_TS,
    RUN_ID,
    SCORE,
    SEED_ITEM,
    SEGMENT,
    SENTIMENT,
    SESSION,
    SIMILARITY,
    SOURCE,
    SOURCE_ROW,
    STOCK,
    TEXT,
    TEXT_HASH,
    TITLE,
    USER,
    VECTOR,
    VECTORS,
)
from nightshelf.tables.analysis import (
    BASKET_RULES,
    CATEGORY_PATHS,
    COHORTS,
    CUSTOMERS,
    DRIFT,
    FUNNELS,
    GOLD_EVALUATION,
    SESSION_SHAPES,
)
from nightshelf.tables.contract import (
    BIGINT,
    BINARY,
    BOOLEAN,
    DATE,
    DEEDS,
    DOUBLE,
    DOUBLE_MAP,
    FLOATS,
    INT,
    SHARES,
    STRING,
    STRING_MAP,
    STRINGS,
    TIMESTAMP,
    VECTOR_MAP,
    Column,
    Table,
)

SILVER_EVENTS: Final = Table(
    "silver.events",
    columns=(
        Column(USER, STRING),
        Column(ITEM, STRING, optional=True),
        Column(EVENT_TYPE, STRING, values=EVENT_TYPES),
        Column(EVENT_TS, TIMESTAMP),
        Column(QUANTITY, INT, optional=True, low=1),
        Column(PRICE, DOUBLE, optional=True, low=0.0),
        Column(RATING, DOUBLE, optional=True, low=-1e6, high=1e6),
        Column(QUERY, STRING, optional=True),
        Column(POSITION, INT, optional=True, low=1),
        Column(PROPENSITY, DOUBLE, optional=True, low=0.0, high=1.0),
        Column(SESSION, STRING),
        Column(SOURCE_ROW, STRING),
        Column(DS, DATE),
    ),
    keys=((SOURCE_ROW,),),
    partitioned=False,
    layout=(USER, EVENT_TS),
)

QUARANTINE_EVENTS: Final = Table(
    "quarantine.events",
    columns=(
        Column("reason_code", STRING),
        Column("source_file", STRING, optional=True),
        Column("raw", STRING, optional=True),
        Column(DS, DATE),
    ),
    keys=(),
    partitioned=False,
    layout=("reason_code",),
    may_be_empty=True,
)

SILVER_ITEMS: Final = Table(
    "silver.items",
    columns=(
        Column(ITEM, STRING),
        Column(TITLE, STRING, optional=True),
        Column(DESCRIPTION, STRING, optional=True),
        Column(CATEGORY, STRING, optional=True),
        Column("brand", STRING, optional=True),
        Column(PRICE, DOUBLE, optional=True, low=0.0),
        Column(STOCK, INT, optional=True, low=0),
        Column("launch_date", DATE, optional=True),
        Column(DELISTED, BOOLEAN),
        Column("image_url", STRING, optional=True),
        Column(ATTRIBUTES, STRING_MAP, optional=True),
        Column(DS, DATE),
    ),
    keys=((ITEM,),),
    partitioned=False,
    layout=(ITEM,),
)

SILVER_USERS: Final = Table(
    "silver.users",
    columns=(
        Column(USER, STRING),
        Column("signup_date", DATE, optional=True),
        Column(ATTRIBUTES, STRING_MAP, optional=True),
        Column(DS, DATE),
    ),
    keys=((USER,),),
    partitioned=False,
    layout=(USER,),
)

SILVER_REVIEWS: Final = Table(
    "silver.reviews",
    columns=(
        Column(REVIEW, STRING),
        Column(ITEM, STRING),
        Column(USER, STRING, optional=True),
        Column(REVIEW_TS, TIMESTAMP),
        Column(RATING, DOUBLE, optional=True, low=-1e6, high=1e6),
        Column(TEXT, STRING),
        Column(DS, DATE),
    ),
    keys=((REVIEW,),),
    partitioned=False,
    layout=(ITEM, REVIEW_TS),
    may_be_empty=True,
)

REVIEW_SCORES: Final = Table(
    "gold.review_scores",
    columns=(
        Column(REVIEW, STRING),
        Column(MODEL_ID, STRING),
        Column(SENTIMENT, DOUBLE, low=0.0, high=1.0),
        Column(ASPECTS, DOUBLE_MAP),
        Column(DS, DATE),
    ),
    keys=((REVIEW,),),
    layout=(REVIEW,),
    may_be_empty=True,
)

ITEM_TEXT: Final = Table(
    "gold.item_text",
    columns=(
        Column(TEXT_HASH, STRING),
        Column(MODEL_ID, STRING),
        Column(VECTOR, FLOATS),
        Column("cut", BOOLEAN),
        Column(DS, DATE),
    ),
    keys=((TEXT_HASH,),),
    layout=(TEXT_HASH,),
    may_be_empty=True,
)

TEXT_NEIGHBOURS: Final = Table(
    "gold.text_neighbours",
    columns=(
        Column(ITEM, STRING),
        Column(RANK, INT, low=1),
        Column(NEIGHBOUR, STRING),
        Column(SIMILARITY, DOUBLE, low=-1.001, high=1.001),
        Column(DS, DATE),
    ),
    keys=((ITEM, RANK), (ITEM, NEIGHBOUR)),
    layout=(ITEM, RANK),
    may_be_empty=True,
)

ITEM_NEIGHBOURS: Final = Table(
    "gold.item_neighbours",
    columns=(
        Column(ITEM, STRING),
        Column(RANK, INT, low=1),
        Column(NEIGHBOUR, STRING),
        Column(SIMILARITY, DOUBLE, low=-1e9, high=1e9),
        Column(CO_USERS, BIGINT, low=0),
        Column(DS, DATE),
    ),
    keys=((ITEM, RANK), (ITEM, NEIGHBOUR)),
    layout=(ITEM, RANK),
    may_be_empty=True,
)

USER_FEATURES: Final = Table(
    "gold.user_features",
    columns=(
        Column(USER, STRING),
        Column(NUMBERS, DOUBLE_MAP),
        Column(CATEGORIES, STRING_MAP),
        Column(LOVED_CATEGORIES, SHARES),
        Column(LOVED_BRANDS, SHARES),
        Column(RECENT, DEEDS),
        Column(DS, DATE),
    ),
    keys=((USER,),),
    layout=(USER,),
)

ITEM_FEATURES: Final = Table(
    "gold.item_features",
    columns=(
        Column(ITEM, STRING),
        Column(NUMBERS, DOUBLE_MAP),
        Column(CATEGORIES, STRING_MAP),
        Column(VECTORS, VECTOR_MAP),
        Column(DS, DATE),
    ),
    keys=((ITEM,),),
    layout=(ITEM,),
)

VOCABULARIES: Final = Table(
    "gold.vocabularies",
    columns=(
        Column("field", STRING),
        Column("value", STRING),
        Column("id", INT, low=1),
        Column("since", DATE),
    ),
    keys=(("field", "value"), ("field", "id")),
    daily=False,
    layout=("field", "id"),
    may_be_empty=True,
)

SAMPLES: Final = Table(
    "gold.samples",
    columns=(
        Column("sample_id", BIGINT),
        Column(USER, STRING),
        Column(ITEM, STRING),
        Column(POSITION, INT, optional=True, low=1),
        Column("labels", DOUBLE_MAP),
        Column("weight", DOUBLE, low=0.0),
        Column("origin", STRING, values=("impression", "event", "uniform", "popular", "hard")),
        Column("split", STRING, values=("train", "valid", "test")),
        Column(DS, DATE),
    ),
    keys=(("sample_id",),),
    layout=("sample_id",),
)

_LIST = (
    Column(USER, STRING),
    Column(RANK, INT, low=1),
    Column(ITEM, STRING),
    Column(SCORE, DOUBLE, low=0.0, high=1e9),
    Column(SOURCE, STRING),
    Column(REASON, STRING),
    Column(SEED_ITEM, STRING, optional=True),
    Column(FEATURES, STRINGS, optional=True),
    Column(MODEL_ID, STRING),
    Column(RUN_ID, STRING),
    Column(DS, DATE),
)

GOLD_RECOMMENDATIONS: Final = Table(
    "gold.recommendations",
    columns=_LIST,
    keys=((USER, RANK), (USER, ITEM)),
    layout=(USER, RANK),
    lineage=(RUN_ID,),
)

SERVING_RECOMMENDATIONS: Final = Table(
    "serving.recommendations",
    columns=_LIST,
    keys=((USER, RANK), (USER, ITEM)),
    daily=False,
    layout=(USER, RANK),
    lineage=(RUN_ID,),
)

SEARCH_INDEX: Final = Table(
    "gold.search_index",
    columns=(
        Column("term", STRING),
        Column(ITEM, STRING),
        Column("impact", DOUBLE, low=0.0, high=1e6),
        Column(DS, DATE),
    ),
    keys=(("term", ITEM),),
    layout=("term", ITEM),
)

SEARCH_WORDS: Final = Table(
    "gold.search_words",
    columns=(Column("word", STRING), Column("items", BIGINT, low=1), Column(DS, DATE)),
    keys=(("word",),),
    layout=("word",),
)

SEARCH_QUERIES: Final = Table(
    "gold.search_queries",
    columns=(
        Column(QUERY, STRING),
        Column("asked", STRING),
        Column("terms", STRINGS),
        Column("searches", BIGINT, low=0),
        Column(DS, DATE),
    ),
    keys=((QUERY,),),
    layout=(QUERY,),
    may_be_empty=True,
)

_RESULTS = (
    Column(QUERY, STRING),
    Column(SEGMENT, STRING),
    Column(RANK, INT, low=1),
    Column(ITEM, STRING),
    Column(SCORE, DOUBLE, low=0.0, high=1e9),
    Column(REASON, STRING),
    Column(MODEL_ID, STRING),
    Column(RUN_ID, STRING),
    Column(DS, DATE),
)

GOLD_SEARCH_RESULTS: Final = Table(
    "gold.search_results",
    columns=_RESULTS,
    keys=((QUERY, SEGMENT, RANK), (QUERY, SEGMENT, ITEM)),
    layout=(QUERY, SEGMENT, RANK),
    lineage=(RUN_ID,),
    may_be_empty=True,
)

SERVING_SEARCH_RESULTS: Final = Table(
    "serving.search_results",
    columns=_RESULTS,
    keys=((QUERY, SEGMENT, RANK), (QUERY, SEGMENT, ITEM)),
    daily=False,
    layout=(QUERY, SEGMENT, RANK),
    lineage=(RUN_ID,),
    may_be_empty=True,
)

OPS_ERASED_USERS: Final = Table(
    "ops.erased_users",
    columns=(
        Column("user_hash", STRING),
        Column(DS, DATE),
        Column(RUN_ID, STRING),
        Column("told_at", TIMESTAMP),
    ),
    keys=(("user_hash", "told_at"),),
    daily=False,
)

OPS_HISTORY_TOTALS: Final = Table(
    "ops.history_totals",
    columns=(Column("part", INT), Column("payload", BINARY)),
    keys=(),
    daily=False,
    layout=("part",),
    may_be_empty=True,
)

OPS_MODELS: Final = Table(
    "ops.models",
    columns=(
        Column(MODEL_ID, STRING),
        Column(RUN_ID, STRING),
        Column(DS, DATE),
        Column("kind", STRING),
        Column("status", STRING, values=("promoted", "refused", "restored")),
        Column("why", STRING),
        Column("told_at", TIMESTAMP),
        Column("path", STRING),
        Column("metrics", DOUBLE_MAP),
        Column("roc", STRING),
        Column("input_versions", STRING),
        Column("config_hash", STRING),
        Column("code_version", STRING),
    ),
    keys=((MODEL_ID, "told_at"),),
    daily=False,
)

OPS_JOB_RUNS: Final = Table(
    "ops.job_runs",
    columns=(
        Column(RUN_ID, STRING),
        Column("job", STRING),
        Column(DS, DATE),
        Column("status", STRING, values=("done", "skipped", "dry-run", "failed")),
        Column("exit_code", INT),
        Column("message", STRING, optional=True),
        Column("started", TIMESTAMP),
        Column("seconds", DOUBLE, low=0.0),
        Column("rows_in", BIGINT, low=0),
        Column("rows_out", BIGINT, low=0),
        Column("input_versions", STRING),
        Column("config_hash", STRING),
        Column("code_version", STRING),
    ),
    keys=((RUN_ID, "job"),),
    daily=False,
)

TABLES: Final = (
    QUARANTINE_EVENTS,
    SILVER_EVENTS,
    SILVER_ITEMS,
    SILVER_USERS,
    SILVER_REVIEWS,
    REVIEW_SCORES,
    ITEM_TEXT,
    TEXT_NEIGHBOURS,
    ITEM_NEIGHBOURS,
    USER_FEATURES,
    ITEM_FEATURES,
    VOCABULARIES,
    SAMPLES,
    DRIFT,
    OPS_MODELS,
    GOLD_RECOMMENDATIONS,
    SERVING_RECOMMENDATIONS,
    SEARCH_INDEX,
    SEARCH_WORDS,
    SEARCH_QUERIES,
    GOLD_SEARCH_RESULTS,
    SERVING_SEARCH_RESULTS,
    FUNNELS,
    COHORTS,
    SESSION_SHAPES,
    CATEGORY_PATHS,
    CUSTOMERS,
    BASKET_RULES,
    GOLD_EVALUATION,
    OPS_HISTORY_TOTALS,
    OPS_ERASED_USERS,
    OPS_JOB_RUNS,
)
