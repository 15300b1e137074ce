"""Audits of a day's lists before readers get them: figures, and which limits they break."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, RANK, SCORE, SOURCE, USER
from nightshelf.config import AuditsConfig
from nightshelf.evaluation.drift import psi_of
from nightshelf.ranking.candidates import CATALOGUE, POPULAR, TREND
from nightshelf.ranking.lists import by_model

FALLBACK: Final = (TREND, POPULAR, CATALOGUE)
"""Sources that offer everyone the same."""

LEAST_DAYS: Final = 3
"""A shop of fewer days than these has no usual number of rows."""

LEAST_SCORES: Final = 1_000
"""Without any change, PSI over B bins of n and m scores is about (B - 1) (1 / n + 1 / m)."""


@dataclass(frozen=True)
class _Audit:
    """A figure, the key of its limit, which side is wrong, and how a person is told."""

    figure: str
    key: str
    least: bool
    told: str


AUDITS: Final = (
    _Audit("rows_share", "min_rows_share", True, "rows over the median of the last days"),
    _Audit("rows_share", "max_rows_share", False, "rows over the median of the last days"),
    _Audit("users_covered", "min_users_covered", True, "users with a list"),
    _Audit("fallback", "max_fallback", False, "rows that are the same for everyone"),
    _Audit("catalogue_coverage", "min_catalogue_coverage", True, "items on sale in any list"),
    _Audit("overlap", "min_overlap", True, "of a list, on the user's list before it"),
    _Audit("score_psi", "max_score_psi", False, "PSI of scores against the lists before"),
)


def rows_share(rows: int, earlier: Sequence[int]) -> dict[str, float]:
    """Rows over the median of earlier days; nothing where those are too few to tell."""
    return {"rows_share": rows / median(earlier)} if len(earlier) >= LEAST_DAYS else {}


def list_figures(lists: DataFrame, users: DataFrame, sold: DataFrame) -> dict[str, float]:
    """Of [gold.recommendations] of a day, without looking back.

    users: [user_id], each once; sold: [item_id] of the catalogue, each once.
    """
    found = lists.agg(
        F.count("*").alias("rows"),
        F.count_if(F.col(RANK) == 1).alias("users"),
        F.count_if(F.col(SOURCE).isin(*FALLBACK)).alias("fallback"),
        F.count_distinct(ITEM).alias("items"),
    ).collect()[0]
    return {
        "users_covered": found["users"] / max(1, users.count()),
        "fallback": found["fallback"] / max(1, found["rows"]),
        "catalogue_coverage": found["items"] / max(1, sold.count()),
    }


def change_figures(lists: DataFrame, before: DataFrame, users: int) -> dict[str, float]:
    """Of [gold.recommendations] of a day beside those of an earlier one.

    `overlap` is the mean share of a list that was on the same user's before, by about so many of
    the users who have both. `score_psi` is missing where a model ranked only one of the days, since
    its scores are other numbers than those of candidates, and where either has few rows.
    """
    counts = (
        F.count("*").alias("rows"),
        F.count_if(F.col(RANK) == 1).alias("users"),
        (F.count_if(by_model()) > 0).alias("ranked"),
    )
    old, new = (frame.agg(*counts).collect()[0] for frame in (before, lists))
    one_in = max(1, old["users"] // users)
    chosen = F.pmod(F.xxhash64(USER), F.lit(one_in)) == 0
    now = lists.where(chosen).select(USER, ITEM)
    then = before.where(chosen).select(USER, ITEM, F.lit(1).alias("kept"))
    same = (
        now.join(then.select(USER).distinct(), USER, "left_semi")
        .join(then, [USER, ITEM], "left")
        .groupBy(USER)
        .agg((F.count("kept") / F.count("*")).alias("share"))
        .agg(F.avg("share"))
        .collect()[0][0]
    )
    if same is None:
        return {}
    alike = old["ranked"] == new["ranked"] and min(old["rows"], new["rows"]) >= LEAST_SCORES
    return {"overlap": same, **({"score_psi": psi_of(SCORE, before, lists)} if alike else {})}


def broken(figures: Mapping[str, float], limits: AuditsConfig) -> list[str]:
    """The limits that the figures break, each as an operator reads it."""
    told = []
    for audit in AUDITS:
        limit: float | None = getattr(limits, audit.key)
        found = figures.get(audit.figure)
        if limit is None or found is None:
            continue
        if found < limit if audit.least else found > limit:
            bound = "at least" if audit.least else "at most"
            told.append(f"{audit.told}: {found:.3f}, {bound} {limit:g} (audits.{audit.key})")
    return told
