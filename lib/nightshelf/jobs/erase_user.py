"""Erase: a user is removed from every table and its past, and kept out of later nights."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import click
from pyspark.sql import Column
from pyspark.sql import functions as F
from rich.console import Console

from nightshelf.columns import USER
from nightshelf.errors import ConfigError, DataQualityError, MissingInputError
from nightshelf.features.encoding import FILES, FOLDER, Encoding
from nightshelf.ingest.erased import digest_of, told_of, told_unread
from nightshelf.ingest.pseudonyms import pseudonym_of
from nightshelf.jobs.derived import derived_of
from nightshelf.jobs.printed import grid
from nightshelf.learning.storage import Folder
from nightshelf.report.page import shows
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import Arguments, command, start
from nightshelf.runs.record import Outcome, execute
from nightshelf.tables import (
    OPS_ERASED_USERS,
    OPS_HISTORY_TOTALS,
    QUARANTINE_EVENTS,
    TABLES,
    VOCABULARIES,
    Table,
)
from nightshelf.tables.erasing import Trace, erase, trace


def run(run: Run, user: str) -> None:
    """Erases the user; then looks everywhere for what is left, and fails where something is.

    Their events up to ds stay out of later nights, whatever the sources still hold. Lists of
    others do not change. Raises LockHeldError where another run is at work: it would publish the
    user again, from what it read before.
    """
    with nullcontext() if run.dry_run else run.store.locks.alone():
        _erase(run, user)


def _erase(run: Run, user: str) -> None:
    ids = _known_as(run, user)
    digest = digest_of(ids[0])
    tables = _concerned(run, ids)
    if not run.dry_run:
        _remember(run, digest)
        for one in tables:
            # Nights would add to sums that they are told of, and these are gone.
            is_told = one.table is not OPS_HISTORY_TOTALS
            run.rows_out += erase(run.store, one.table, one.rows, one.changes, retold=is_told)
        _forget_models(run, ids)
        for page in _pages_with(run, ids):
            run.store.files.delete(page)
        for place in ("training", "_staging"):
            run.store.files.delete(f"{run.store.root}/{place}")
    left = [trace(run.store, one.table, one.rows, one.values) for one in tables]
    run.rows_in = sum(found.rows for found in left)
    models = [folder.uri for folder, _ in _models_that_know(run, ids)]
    pages = list(_pages_with(run, ids))
    _show(left, models + pages, run.dry_run)
    found = [one.table for one in left if not one.is_clean] + models + pages
    if found and not run.dry_run:
        raise DataQualityError(
            f"the user is still in {', '.join(found)}: another run wrote meanwhile; let it end and "
            "run this again"
        )
    run.tell(user=digest[:12], rows_removed=run.rows_out, rows_left=run.rows_in)


def _known_as(run: Run, user: str) -> tuple[str, ...]:
    """The id as nights make it; where that is a pseudonym, the given one, too.

    Days from before there were pseudonyms keep what they have.
    """
    pseudonym = pseudonym_of(run.config.privacy, user)
    return (pseudonym, user) if pseudonym else (user,)


@dataclass(frozen=True)
class _Concerned:
    """Which rows of a table tell of the user, by which values, and what is set where they stay."""

    table: Table
    rows: Column
    values: Sequence[str]
    changes: dict[str, Column] = field(default_factory=dict)


def _concerned(run: Run, ids: Sequence[str]) -> list[_Concerned]:
    """Each table that tells of the user; first what is only found by what the others tell.

    By digests of the ids, since Delta writes conditions into its log.
    """
    digests = [digest_of(one) for one in ids]

    def is_user(column: Column) -> Column:
        return F.coalesce(F.sha2(column, 256).isin(*digests), F.lit(False))

    theirs = is_user(F.col(USER))
    # Looked for by rows alone: words that somebody types stand in any log.
    derived = [_Concerned(table, rows, ()) for table, rows in derived_of(run, theirs)]
    named = {
        table: _Concerned(table, theirs, ids)
        for table in TABLES
        if any(column.name == USER for column in table.columns)
    }
    refused = told_of(digests, run.config.sources.events) | told_unread()
    special = {
        QUARANTINE_EVENTS: _Concerned(QUARANTINE_EVENTS, refused, ids),
        # The id's number stays taken, or the next user would get it.
        VOCABULARIES: _Concerned(
            VOCABULARIES,
            (F.col("field") == USER) & is_user(F.col("value")),
            ids,
            {"value": F.concat(F.lit("__erased_"), F.col("id"), F.lit("__"))},
        ),
        # Packed by the part, not by the user; the next night makes them anew.
        OPS_HISTORY_TOTALS: _Concerned(OPS_HISTORY_TOTALS, F.lit(True), ids),
    }
    telling = named | special
    ordered = derived + [telling[table] for table in TABLES if table in telling]
    return [one for one in ordered if run.store.version(one.table) is not None]


def _remember(run: Run, digest: str) -> None:
    row = (digest, run.ds, run.run_id, datetime.now(UTC))
    run.store.append_row(row, OPS_ERASED_USERS)


def _forget_models(run: Run, ids: Sequence[str]) -> None:
    """What a model learnt of the user stays in it as a number that no id leads to any more."""
    for folder, encoding in _models_that_know(run, ids):
        left = encoding
        for known in ids:
            left = left.without(USER, known) if left.knows(USER, known) else left
        for name, content in left.files().items():
            folder.write(name, content)


def _models_that_know(run: Run, ids: Sequence[str]) -> Iterator[tuple[Folder, Encoding]]:
    root = Folder(f"{run.store.root}/models")
    for model in root.names():
        folder = root.folder(model).folder(FOLDER)
        if set(FILES) <= set(folder.names()):
            encoding = Encoding.of({name: folder.read(name) for name in FILES})
            if any(encoding.knows(USER, known) for known in ids):
                yield folder, encoding


def _pages_with(run: Run, ids: Sequence[str]) -> Iterator[str]:
    """Reports that show the user, or cannot be read; jobs/report.py makes them again, without."""
    inside = run.store.files.entries(f"{run.store.root}/report")
    for page in (file for file in inside if file.name.endswith(".html")):
        try:
            told = (run.store.files.read_bytes(page.path) or b"").decode()
        except (MissingInputError, UnicodeDecodeError):  # torn
            yield page.path
            continue
        if any(shows(told, known) for known in ids):
            yield page.path


def _show(left: list[Trace], elsewhere: list[str], dry_run: bool) -> None:
    """The proof: what is still found, table by table."""
    title = "What is found of the user" + ("" if dry_run else ", after it was erased")
    numbers = ("rows", "rows in files of any version", "files of the log")
    shown = grid(title, "table", *numbers, numbers=numbers)
    for found in left:
        shown.add_row(found.table, *map(str, (found.rows, found.rows_in_files, found.log_files)))
    Console().print(shown, markup=False)
    for place in elsewhere:
        Console().print(f"known to {place}", markup=False, highlight=False)


def _body(arguments: Arguments) -> Outcome:
    user = arguments.extra["user"]
    if not user:
        raise ConfigError("--user is missing: give the id that the mapping of the sources makes")
    job = Job("erase_user", partial(run, user=user), writes=(OPS_ERASED_USERS,))
    return execute(job, start(arguments, job.name))


main = command(
    "erase_user",
    _body,
    options=(click.Option(["--user"], metavar="ID", help="The user, as the mapping tells ids."),),
)
