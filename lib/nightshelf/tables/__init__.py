"""The warehouse's tables: contracts, the catalogue, and the only way to read or write them."""

from nightshelf.tables.catalogue import (
    GOLD_EVALUATION,
    GOLD_RECOMMENDATIONS,
    ITEM_FEATURES,
    ITEM_NEIGHBOURS,
    ITEM_TEXT,
    OPS_HISTORY_TOTALS,
    OPS_JOB_RUNS,
    OPS_MODELS,
    QUARANTINE_EVENTS,
    SAMPLES,
    SERVING_RECOMMENDATIONS,
    SILVER_EVENTS,
    SILVER_ITEMS,
    SILVER_USERS,
    TABLES,
    TEXT_NEIGHBOURS,
    USER_FEATURES,
    VOCABULARIES,
)
from nightshelf.tables.contract import Table
from nightshelf.tables.store import Store

__all__ = [
    "GOLD_EVALUATION", "GOLD_RECOMMENDATIONS", "ITEM_FEATURES", "ITEM_NEIGHBOURS", "ITEM_TEXT",
    "OPS_HISTORY_TOTALS", "OPS_JOB_RUNS", "OPS_MODELS", "QUARANTINE_EVENTS", "SAMPLES",
    "SERVING_RECOMMENDATIONS", "SILVER_EVENTS", "SILVER_ITEMS", "SILVER_USERS", "TABLES",
    "TEXT_NEIGHBOURS", "USER_FEATURES", "VOCABULARIES", "Store", "Table",
]  # fmt: skip
