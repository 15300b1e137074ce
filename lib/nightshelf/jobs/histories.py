"""Every user's history as of a night: from all events, or from sums and the events after them.

Days before those that `ingest.window_days` reads again are settled: no later night changes them. In
a large shop their sums of user and item are kept in ops.history_totals, so that a night adds up
what came since. The sums are integers as of a day that many nights share: both ways give the same
histories, to the last bit.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf import __version__
from nightshelf.cf.events import WEIGHT_BITS, Weighing
from nightshelf.cf.histories import from_files, totals_from_files
from nightshelf.columns import DS
from nightshelf.runs import Run
from nightshelf.tables import OPS_HISTORY_TOTALS, SILVER_EVENTS

STALE_SHARE = 0.1  # of the events: so many after the settled days, and these are summed up anew


def item_histories(run: Run, as_of: date, parts: int) -> DataFrame:
    """Packed histories of the events up to `as_of`, in parts."""
    weighing = _weighing(run, as_of)
    form = _form(run, parts)
    return run.store.contents(SILVER_EVENTS, until=as_of).transform(from_files(weighing, **form))


def nightly_histories(run: Run, parts: int) -> DataFrame:
    """`item_histories` as of the run's ds, from the sums of settled days where that is quicker.

    Publishes those sums where there are none or many events have come since; a night before the
    kept sums leaves them to later ones.
    """
    window = run.config.ingest.window_days
    if window is None or run.rows_in < run.config.item_cf.settle_events:
        return item_histories(run, run.ds, parts)
    kept = run.store.manifest_read(OPS_HISTORY_TOTALS)
    if kept and date.fromisoformat(kept["settled"]) > run.ds:
        return item_histories(run, run.ds, parts)
    weighing = _weighing(run, run.ds)
    key = _key(weighing, parts)
    settled = _settled(run, kept, key)
    newest = run.ds - timedelta(days=window - 1)
    if not run.dry_run and _is_stale(run, settled, newest):
        _settle(run, weighing, parts, settled, newest)
        kept = run.store.manifest_read(OPS_HISTORY_TOTALS)  # another night may have published too
        settled = _settled(run, kept, key)
    if settled is None:
        return item_histories(run, run.ds, parts)
    run.tell(settled=settled.isoformat())
    return run.store.contents(SILVER_EVENTS, after=settled, until=run.ds).transform(
        from_files(
            replace(weighing, since=settled),
            **_form(run, parts),
            totals=run.read(OPS_HISTORY_TOTALS),
        )
    )


def _settle(run: Run, weighing: Weighing, parts: int, settled: date | None, newest: date) -> None:
    """Publishes the sums of the days up to `newest`, from those of the settled ones if any."""
    totals = None if settled is None else run.read(OPS_HISTORY_TOTALS)
    added = replace(weighing, since=settled, until=newest)
    frame = run.store.contents(SILVER_EVENTS, after=settled, until=newest).transform(
        totals_from_files(added, parts=parts, totals=totals)
    )
    about = {"settled": newest.isoformat(), "sums_of": _key(weighing, parts)}
    run.store.publish(frame, OPS_HISTORY_TOTALS, run.ds, about=about)
    run.store.versions.pop(OPS_HISTORY_TOTALS.name, None)


def _settled(run: Run, manifest: Mapping[str, Any], key: str) -> date | None:
    """The last day that is in the kept sums; None where they are not what this night needs."""
    if manifest.get("sums_of") != key:
        return None
    settled = date.fromisoformat(manifest["settled"])
    version: int = manifest["input_versions"][SILVER_EVENTS.name]
    changed = run.store.changed_since(SILVER_EVENTS, version)
    return settled if changed is None or changed > settled else None


def _is_stale(run: Run, settled: date | None, newest: date) -> bool:
    if settled is None:
        return True
    since = run.read(SILVER_EVENTS, until=newest).where(F.col(DS) > F.lit(settled))
    return since.count() > STALE_SHARE * run.rows_in


def _key(weighing: Weighing, parts: int) -> str:
    """Names all that the sums depend on, besides the events."""
    told = asdict(weighing) | {
        "as_of": weighing.anchor,
        "parts": parts,
        "bits": WEIGHT_BITS,
        "code": __version__,
    }
    told["event_weights"] = sorted((k, w) for k, w in weighing.event_weights.items() if w > 0)
    return hashlib.sha256(repr(sorted(told.items())).encode()).hexdigest()[:16]


def _weighing(run: Run, as_of: date) -> Weighing:
    cf, feedback = run.config.item_cf, run.config.feedback
    return Weighing(as_of, feedback.weights, feedback.positive_rating, cf.half_life_days)


def _form(run: Run, parts: int) -> Mapping[str, Any]:
    cf = run.config.item_cf
    return {"max_items_per_user": cf.max_items_per_user, "binary": cf.binary, "parts": parts}
