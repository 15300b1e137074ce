"""Which model ranks on a day, and whether a new one may.

ops.models is a log: a row a decision about a model, never changed. A model is in use from the `ds`
of the decision on, until a later one. So

- a night run again for an old `ds` sees the decisions of its own day and before: no model that
  learnt from later days, and no rollback that came after; what it decides itself has its own `ds`,
  and changes nothing for the days on which a later decision stands;
- of several decisions of one `ds` the last told counts: a night run again replaces the model that
  it trained before, and a model restored after the night replaces that night's;
- a restored model ranks until the next one is promoted: the gate compares that with the restored;
- rankers, two towers and text models have each their own model in use: a decision about one leaves
  the others.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from posixpath import normpath
from typing import Final, Literal
from urllib.parse import urlparse

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from nightshelf.columns import DS, MODEL_ID
from nightshelf.errors import DataQualityError

PROMOTED, REFUSED, RESTORED = "promoted", "refused", "restored"

RANKER: Final = "ranker"
TWO_TOWER: Final = "two_tower"
CROSS: Final = "text_cross"
BI: Final = "text_bi"

Kind = Literal["ranker", "two_tower", "text_cross", "text_bi"]
KINDS: Final[tuple[Kind, ...]] = (RANKER, TWO_TOWER, CROSS, BI)
"""What a model is for: to rank candidates, to find them, to judge search results, to encode texts.

Each kind has its own model in use.
"""
_NAMED: Final = tuple(kind for kind in KINDS if kind != RANKER)

CALIBRATION_LIMIT: Final = 0.05
"""A larger expected calibration error is refused; so is one above the rate of positives itself."""

LOSS_TOLERANCE: Final = 0.02
"""Share by which the log loss may be above that of the model in use."""

Metrics = Mapping[str, float]
"""Of one model on test rows: `metrics.metrics`."""


@dataclass(frozen=True)
class Decision:
    """Whether a model ranks from now on, and why, in one sentence."""

    promote: bool
    why: str

    @property
    def status(self) -> str:
        """As ops.models tells it."""
        return PROMOTED if self.promote else REFUSED


def in_use(models: DataFrame, ds: date, kind: Kind) -> Row | None:
    """The row of ops.models that decides which model of a kind is used on `ds`; None: none is.

    The newest by (ds, told_at, model_id) of those promoted or restored up to `ds`. Runs at once.
    """
    used = F.col("status").isin(PROMOTED, RESTORED) & (F.col(DS) <= F.lit(ds))
    of_kind = ~F.col("kind").isin(*_NAMED) if kind == RANKER else F.col("kind") == kind
    found = models.where(used & of_kind).orderBy(*newest_first()).limit(1).collect()
    return found[0] if found else None


def kind_of(row: Row) -> Kind:
    """What the model of a row of ops.models is for: a ranker's `kind` names its network."""
    return next((kind for kind in _NAMED if row["kind"] == kind), RANKER)


def files_of(kind: Kind) -> tuple[str, str]:
    """The files without which a model of that kind is none: its weights, and what they are of."""
    return "model.safetensors", "config.json" if kind in (CROSS, BI) else "model.json"


def newest_first() -> tuple[Column, ...]:
    """The order of ops.models in which the first decision is the one that stands."""
    return F.desc(DS), F.desc("told_at"), F.desc(MODEL_ID)


def located(path: str, root: str) -> str:
    """Where a model's folder is: `path` of its row, relative to the warehouse's root or absolute.

    Raises DataQualityError where that is not below the root: a table that others may write must not
    lead anywhere else.
    """
    full = path if re.match(r"[A-Za-z][\w+.-]*:|/", path) else f"{root}/{path}"
    found, base = urlparse(full), urlparse(root)
    inside = normpath(found.path).startswith(f"{normpath(base.path)}/")
    if not inside or (found.scheme and found[:2] != base[:2]):
        raise DataQualityError(
            f"ops.models: a model's folder is told to be {path}, which is not below {root}; remove "
            "the row, or move the model below the warehouse"
        )
    return full


def nearest(model_id: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known ids that look most like the asked one, the first of them where none does."""
    ids = list(known)
    return difflib.get_close_matches(model_id, ids, n) or ids[:n]


def gate(candidate: Metrics, current: Metrics | None, tolerance: float) -> Decision:
    """Whether the candidate may rank instead of the current model; None: there is none.

    Both measured on the same test rows, with `auc`, `log_loss` and `ece`. `tolerance`: by how much
    the AUC may fall behind the current one's.
    """
    why = _unfit(candidate) or (_worse(candidate, current, tolerance) if current else None)
    if why:
        return Decision(False, why)
    told = f"log loss {candidate['log_loss']:.4f}, calibration error {candidate['ece']:.4f}"
    if current is None or "auc" not in current:
        return Decision(True, f"no model to compare with; test AUC {candidate['auc']:.4f}, {told}")
    return Decision(
        True,
        f"test AUC {candidate['auc']:.4f} against {current['auc']:.4f} of the model in use "
        f"(tolerance {tolerance:g}); {told}",
    )


def towers_gate(test: Metrics, k: int) -> Decision:
    """Whether two towers may find candidates: they have to find more than popularity does.

    test: `recall`, `popular_recall` and `positives` of the same test rows, by `ctr.recall.judged`.
    """
    found, popular = test["recall"], test["popular_recall"]
    told = f"test recall@{k} {found:.4f} against {popular:.4f} of the most wanted items"
    if not test["positives"]:
        return Decision(False, "no positive among the test rows to be found")
    return Decision(found > popular, told if found > popular else f"{told}: no better")


def text_gate(test: Metrics, before: Metrics) -> Decision:
    """Whether a fine-tuned text model is used: it has to order results better than before.

    Both `text.judging.judged` of the same test pairs; before: by the text model as it came.
    """
    name = "ndcg@10"
    if not test["groups"]:
        return Decision(False, "no query among the test pairs has results of different worth")
    told = f"test nDCG@10 {test[name]:.4f} against {before[name]:.4f} without fine-tuning"
    better = test[name] > before[name]
    return Decision(better, told if better else f"{told}: no better")


def _unfit(candidate: Metrics) -> str | None:
    """What is wrong with it by itself."""
    missing = [name for name in ("auc", "log_loss", "ece") if name not in candidate]
    if missing:
        return f"no test {', '.join(missing)}: the test rows need both positives and negatives"
    bad = [name for name, value in candidate.items() if not math.isfinite(value)]
    if bad:
        return f"test {', '.join(bad)}: not a finite number"
    auc, error = candidate["auc"], candidate["ece"]
    if auc <= 0.5:
        return f"test AUC {auc:.4f}: no better than chance, which is 0.5"
    limit = min(CALIBRATION_LIMIT, candidate.get("rate", CALIBRATION_LIMIT))
    if error > limit:
        return f"test calibration error {error:.4f} is above {limit:.4f}"
    return None


def _worse(candidate: Metrics, current: Metrics, tolerance: float) -> str | None:
    """In what it is worse than the model in use."""
    auc, loss = current.get("auc", 0.0), current.get("log_loss", math.inf)
    if candidate["auc"] < auc - tolerance:
        return (
            f"test AUC {candidate['auc']:.4f} is more than {tolerance:g} behind {auc:.4f} of the "
            "model in use"
        )
    if candidate["log_loss"] > loss * (1 + LOSS_TOLERANCE):
        return (
            f"test log loss {candidate['log_loss']:.4f} is more than {LOSS_TOLERANCE:.0%} above "
            f"{loss:.4f} of the model in use"
        )
    return None
