"""A user erased from tables, from their files and logs, from models, and from later nights."""

from datetime import date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from nightshelf.ingest.erased import digest_of
from nightshelf.literals import frame_of
from nightshelf.report.page import Page, Section, Shopper, rendered
from nightshelf.tables import (
    GOLD_RECOMMENDATIONS,
    GOLD_SEARCH_RESULTS,
    OPS_ERASED_USERS,
    QUARANTINE_EVENTS,
    REVIEW_SCORES,
    SEARCH_QUERIES,
    SERVING_RECOMMENDATIONS,
    SERVING_SEARCH_RESULTS,
    SILVER_EVENTS,
    SILVER_REVIEWS,
    Table,
)
from tests.jobs.conftest import PLAIN, Invoke, Shop

WHO = "u3"  # no hex digits: nothing else in the warehouse reads so
ALL = ("--set", "ingest.quarantine_limit=0.5")


@pytest.fixture
def known(invoke: Invoke, nights: Shop) -> Shop:
    """The shop after two nights, where refused rows tell of the user, too, and a report."""
    log = nights.folder / "log" / "2026-11-24.csv"
    refused = f"{WHO},i1,no such type,2026-11-24 12:00:00,9.5\nnot a user,{WHO}\n"
    log.write_text(log.read_text() + refused)
    told = ("--conf-file", nights.conf, "--ds", "2026-11-24", *ALL)
    assert invoke("ingest", *told).code == 0
    pages = nights.folder / "warehouse" / "report"
    pages.mkdir()
    for day, user in (("2026-11-23", "someone"), ("2026-11-24", WHO)):
        shown = Section("shoppers", "Some shoppers", [Shopper(user, [], [])])
        (pages / f"{day}.html").write_text(rendered(Page("A night", [], [shown])))
    return nights


def holders(shop: Shop, what: str = WHO) -> set[str]:
    """Files of the warehouse in which it stands, Parquet by its rows."""
    found = set()
    for path in (shop.folder / "warehouse").rglob("*"):
        if not path.is_file() or path.name.startswith("."):
            continue
        if path.suffix == ".parquet":
            text = str(pq.ParquetFile(path).read().to_pylist())
        else:
            text = path.read_bytes().decode(errors="replace")
        if what in text:
            found.add(str(path.relative_to(shop.folder / "warehouse")))
    return found


@pytest.mark.long
def test_nothing_of_an_erased_user_is_left(invoke: Invoke, known: Shop) -> None:
    kept_once = ("malformed", "24.json", f'{{"_corrupt_record":"[{WHO}"}}', date(2026, 11, 24))
    known.store.append_row(kept_once, QUARANTINE_EVENTS)
    before = holders(known)
    assert {Path(name).parts[:2] for name in before} >= {
        ("silver", "events"), ("quarantine", "events"),
        ("gold", "recommendations"), ("serving", "recommendations"), ("report", "2026-11-24.html"),
    }  # fmt: skip
    others = known.store.read(SERVING_RECOMMENDATIONS).where(f"user_id != '{WHO}'").count()
    conf = ("--conf-file", known.conf, "--ds", "2026-11-24")
    dry = invoke("erase_user", *conf, "--user", WHO, "--dry-run")
    assert dry.code == 0, dry.lines
    assert holders(known) == before

    ended = invoke("erase_user", *conf, "--user", WHO)
    assert ended.code == 0, ended.lines
    assert holders(known) == set()
    assert WHO not in str(ended.lines) + ended.out
    step = next(line for line in ended.lines if line["event"] == "step")
    assert (step["rows_left"], step["user"]) == (0, digest_of(WHO)[:12])
    assert step["rows_removed"] >= 3 + 1 + 1 + 2 * 2 + 2
    assert known.store.read(SERVING_RECOMMENDATIONS).count() == others
    pages = known.folder / "warehouse" / "report"
    assert [page.name for page in pages.glob("*.html")] == ["2026-11-23.html"]
    # The tables are whole, and know whose they are.
    assert known.store.last_manifest(SERVING_RECOMMENDATIONS)["ds"] == "2026-11-24"
    assert known.store.read(GOLD_RECOMMENDATIONS, on=date(2026, 11, 23)).count() > 0


@pytest.mark.long
def test_an_erased_user_stays_out_of_later_nights(invoke: Invoke, known: Shop) -> None:
    conf = ("--conf-file", known.conf)
    assert invoke("erase_user", *conf, "--ds", "2026-11-24", "--user", WHO).code == 0
    later = "2026-11-25"
    known.deliver(later, f"u1,i0,click,{later} 10:00:00,9.5", f"u2,i1,click,{later} 10:00:00,9.5")
    told = (*conf, *PLAIN, *ALL, "--ds", later)
    assert invoke("nightly", *told, "--to", "recommend").code == 0
    assert holders(known) == set()
    # Who comes back is a user like any other, from that day on.
    known.deliver("2026-11-26", f"{WHO},i0,click,2026-11-26 10:00:00,9.5")
    assert invoke("ingest", *conf, *ALL, "--ds", "2026-11-26").code == 0
    rows = known.store.read(SILVER_EVENTS).where(f"user_id = '{WHO}'").collect()
    assert [row["ds"] for row in rows] == [date(2026, 11, 26)]
    [remembered] = known.store.read(OPS_ERASED_USERS).collect()
    assert remembered["user_hash"] == digest_of(WHO)


@pytest.mark.long
def test_what_was_published_before_there_were_pseudonyms_is_erased(
    invoke: Invoke, known: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHELF_PSEUDONYM_KEY", "the first key there is")
    conf = ("--conf-file", known.conf, "--ds", "2026-11-24")
    begun = ("--set", "privacy.pseudonymise=true")
    ended = invoke("erase_user", *conf, *begun, "--user", WHO)
    assert ended.code == 0, ended.lines
    assert holders(known) == set()


@pytest.mark.long
def test_no_user_is_erased_under_the_hands_of_a_night(invoke: Invoke, known: Shop) -> None:
    conf = ("--conf-file", known.conf, "--ds", "2026-11-24")
    before = holders(known)
    with known.store.locks.at_work("silver.events/2026-11-25"):
        ended = invoke("erase_user", *conf, "--user", WHO)
        assert invoke("erase_user", *conf, "--user", WHO, "--dry-run").code == 0
    assert ended.code == 75
    assert ended.error.startswith("the warehouse is in use by run reader ")
    assert holders(known) == before
    with known.store.locks.alone():
        for job in ("ingest", "report", "maintain", "nightly"):
            ended = invoke(job, *conf)
            assert ended.code == 75, job
            assert "has the warehouse to itself" in ended.error


@pytest.mark.long
def test_what_only_they_wrote_goes_with_them(invoke: Invoke, nights: Shop) -> None:
    """Their reviews' scores, and queries that nobody else typed; what others typed stays."""
    day, store = date(2026, 11, 24), nights.store
    event = store.read(SILVER_EVENTS, on=day).limit(1)
    for user, query in ((WHO, "Jane  Doe"), (WHO, "Shoes"), ("u1", "shoes")):
        told = {"event_type": "search", "user_id": user, "query": query}
        columns = {name: F.lit(value) for name, value in told.items()}
        store.append(event.withColumns(columns), SILVER_EVENTS)
    spark, at = nights.spark, datetime(2026, 11, 24, 12)
    for user in (WHO, "u1"):
        review = (f"of {user[::-1]}", "i1", user, at, 5.0, "good", day)
        store.append_row(review, SILVER_REVIEWS)
        store.append_row((review[0], "a model", 0.5, {}, day), REVIEW_SCORES)
    typed = {"jane doe": "jane doe", "doe jane": "jane doe", "shoes": "shoes"}
    queries = [(query, asked, query.split(), 1, day) for query, asked in typed.items()]
    store.append(frame_of(spark, queries, SEARCH_QUERIES.schema), SEARCH_QUERIES)
    results = [(query, "all", 1, "i1", 1.0, "it is", "bm25", "a run", day) for query in typed]
    for table in (GOLD_SEARCH_RESULTS, SERVING_SEARCH_RESULTS):
        store.append(frame_of(spark, results, table.schema), table)

    conf = ("--conf-file", nights.conf, "--ds", "2026-11-24")
    ended = invoke("erase_user", *conf, "--user", WHO)
    assert ended.code == 0, ended.lines

    def left(table: Table) -> set[str]:
        return {row[0] for row in nights.store.read(table).collect()}

    assert left(REVIEW_SCORES) == left(SILVER_REVIEWS) == {"of 1u"}
    assert left(SEARCH_QUERIES) == {"shoes"}
    for table in (GOLD_SEARCH_RESULTS, SERVING_SEARCH_RESULTS):
        assert left(table) == {"doe jane", "shoes"}
    assert holders(nights) == holders(nights, "jane doe") == holders(nights, "of 3u") == set()


def test_a_user_without_a_name(invoke: Invoke, shop: Shop) -> None:
    ended = invoke("erase_user", "--conf-file", shop.conf, "--ds", "2026-11-24")
    assert ended.code == 64
    assert ended.error.startswith("--user is missing")
