"""Maintenance: small files brought together, old versions, days and models removed."""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console

from nightshelf.columns import DS, USER
from nightshelf.errors import ConfigError
from nightshelf.jobs.printed import grid
from nightshelf.ranking.registry import KINDS, in_use, located
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.runs.record import last_day_over
from nightshelf.tables import (
    CUSTOMERS,
    GOLD_RECOMMENDATIONS,
    GOLD_SEARCH_RESULTS,
    ITEM_FEATURES,
    ITEM_NEIGHBOURS,
    OPS_MODELS,
    QUARANTINE_EVENTS,
    SAMPLES,
    SEARCH_INDEX,
    SEARCH_QUERIES,
    SEARCH_WORDS,
    SILVER_EVENTS,
    SILVER_USERS,
    TABLES,
    TEXT_NEIGHBOURS,
    USER_FEATURES,
    Table,
)
from nightshelf.tables.upkeep import Kept, first_kept, keep_up

DAY_SECONDS: Final = 86_400
REBUILT: Final = (
    USER_FEATURES,
    ITEM_FEATURES,
    SAMPLES,
    ITEM_NEIGHBOURS,
    TEXT_NEIGHBOURS,
    GOLD_RECOMMENDATIONS,
    GOLD_SEARCH_RESULTS,
    SEARCH_INDEX,
    SEARCH_WORDS,
    SEARCH_QUERIES,
    CUSTOMERS,
)
"""Tables whose old days no later night reads.

Not events, items and reviews, which every night reads as a whole; vectors and scores, which are
made but once; evaluation, which is small and is what nights are compared by, nor what else is told
of the shop as a whole. Of users, of whom every night tells anew, the newest row stays.
"""


def run(run: Run) -> None:
    """Keeps what `maintenance` says, as of ds; a dry run tells what would go.

    Raises ConfigError where ds is a day to come: all there is would be old.
    """
    newest = run.store.commits(SILVER_EVENTS).newest_day(date.max).get(DS)
    if run.ds > max(last_day_over(), date.fromisoformat(newest) if newest else date.min):
        raise ConfigError(
            f"--ds {run.ds}: that day is not over, and no night of it was run: what is kept is "
            f"counted back from it; the newest night is {newest or 'none'}"
        )
    found = [keep(run, table) for table in TABLES if run.store.version(table) is not None]
    folders = list(old_folders(run))
    for folder in folders:
        if not run.dry_run:
            run.store.files.delete(folder)
    run.rows_in = sum(kept.files_before for kept in found)
    run.rows_out = sum(kept.files_after for kept in found)
    run.tell(
        files_before=run.rows_in,
        files_after=run.rows_out,
        mb_before=round(sum(kept.bytes_before for kept in found) / 2**20, 1),
        mb_after=round(sum(kept.bytes_after for kept in found) / 2**20, 1),
        folders_removed=len(folders),
    )
    _show(found, folders, run.dry_run)


def keep(run: Run, table: Table) -> Kept:
    """One table, with its commits kept from other writers."""
    config = run.config.maintenance
    days = config.quarantine_days if table is QUARANTINE_EVENTS else None
    if table in (*REBUILT, SILVER_USERS):
        days = config.history_days
    return keep_up(
        run.store,
        table,
        first_kept(run.ds, days),
        vacuum_days=config.vacuum_days,
        small_mb=config.small_file_mb,
        newest_of=USER if table is SILVER_USERS else None,
    )


def old_folders(run: Run) -> Iterator[str]:
    """Models that are in use no more, and training sets and staged files of days gone by.

    Not those of a day that another run is at work on: a backfill makes an old day's anew. Nor those
    that are younger than a day themselves: between two tasks of a schedule no run is at work.
    """
    days, root = run.config.maintenance.model_days, run.store.root
    if days is None:
        return
    cutoff = run.ds - timedelta(days=days)
    yesterday = time.time() - DAY_SECONDS
    used = _used(run, cutoff) | _configured(run)
    busy = {_day_of(held.name.rpartition("/")[2]) for held in run.store.locks.others_at_work()}
    files = run.store.files
    staged = (f"_staging/{table.name}" for table in files.entries(f"{root}/_staging"))
    for place in ("models", "training", "training/text", *staged):
        for folder in files.entries(f"{root}/{place}"):
            day = _day_of(folder.name)
            path = f"{root}/{place}/{folder.name}"
            if day is None or day >= cutoff or day in busy or path in used:
                continue
            # By its files: object stores tell of a folder that it was changed just now.
            if max((f.modified for f in files.below(path)), default=folder.modified) < yesterday:
                yield path


def _used(run: Run, cutoff: date) -> set[str]:
    """Folders of models that some day from the cutoff on uses, or that were decided on since."""
    if run.store.version(OPS_MODELS) is None:
        return set()
    models = run.read(OPS_MODELS)
    rows = models.where(models[DS] >= cutoff).collect()
    rows += [row for kind in KINDS if (row := in_use(models, cutoff, kind)) is not None]
    return {located(row["path"], run.store.root) for row in rows}


def _configured(run: Run) -> set[str]:
    """Folders of weights that the configuration names, where they lie below the root."""
    root = run.store.files.local_path(run.store.root)
    if root is None:  # weights are named by their folder on this machine
        return set()
    base = Path(root).resolve()
    named = (run.config.text.model, *run.config.text_training.back_translation)
    paths = [path for name in named if (path := Path(name).resolve()).is_relative_to(base)]
    below = [path.relative_to(base) for path in paths]
    return {f"{run.store.root}/{folder}" for path in below for folder in (path, *path.parents)}


def _day_of(name: str) -> date | None:
    """The day that a run's or a day's folder is named by; None for what is of no day."""
    try:
        return date.fromisoformat(name[:10])
    except ValueError:
        return None


def _show(found: list[Kept], folders: list[str], dry_run: bool) -> None:
    title = "What maintenance would do" if dry_run else "What maintenance did"
    numbers = ("files", "MB", "rows expired")
    shown = grid(title, "table", *numbers, numbers=numbers)
    for kept in found:
        shown.add_row(
            kept.table,
            f"{kept.files_before:,} -> {kept.files_after:,}",
            f"{kept.bytes_before / 2**20:,.1f} -> {kept.bytes_after / 2**20:,.1f}",
            f"{kept.rows_expired:,}",
        )
    console = Console()
    console.print(shown, markup=False)
    for folder in folders:
        console.print(f"{'old' if dry_run else 'removed'}: {folder}", markup=False, highlight=False)


JOB = Job("maintain", run, places=("maintenance",))
main = single(JOB)
