"""From delivered reviews to features and texts of items."""

from datetime import date

import pytest

from nightshelf.tables import ITEM_FEATURES, REVIEW_SCORES, SILVER_REVIEWS
from tests.jobs.conftest import Invoke, Shop, night

DAY_1, DAY_2 = "2026-11-23", "2026-11-24"
HEAD = "item,who,at,stars,headline,said"
CONFIGURED = """
  reviews:
    format: csv
    path: reviews/{ds}.csv
    options: {header: true, escape: '"', multiLine: true}
    columns:
      {item_id: item, user_id: who, review_ts: at, rating: stars, title: headline, text: said}
privacy: {pseudonymise: true}
reviews: {min_rated: 16, max_rated: 16, prior: 1, aspects: {size: [size, fits]}}
ctr: {min_positives: 1}
"""


@pytest.fixture
def reviewed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The small shop, with reviews of the items i0 (praised) and i1 (blamed)."""
    monkeypatch.setenv("NIGHTSHELF_PSEUDONYM_KEY", "0123456789abcdef" * 4)
    shop.configure(sources=CONFIGURED)
    rows = [
        f'i{n % 2},u{n},{DAY_1} 10:00:{n:02},{1 if n % 2 else 5},,"{_said(n)}"' for n in range(20)
    ]
    deliver(shop, DAY_1, *rows)
    return shop


def _said(n: int) -> str:
    return (
        "Awful, it is broken. Awful size." if n % 2 else "Great, it is lovely. The size is great."
    )


def digests(shop: Shop) -> tuple[str, str]:
    return shop.store.digest(REVIEW_SCORES), shop.store.digest(ITEM_FEATURES)


def deliver(shop: Shop, day: str, *rows: str) -> None:
    (shop.folder / "reviews").mkdir(exist_ok=True)
    (shop.folder / "reviews" / f"{day}.csv").write_text("\n".join([HEAD, *rows]) + "\n")


@pytest.mark.long
def test_reviews_become_features_and_texts(invoke: Invoke, reviewed: Shop) -> None:
    first = night(invoke, reviewed, DAY_1, "ingest", "score_reviews", "build_features")
    assert first["ingest"]["reviews"] == 20
    scored = first["score_reviews"]
    assert scored["scored"] == 20
    assert scored["auc"] == 1.0
    assert str(scored["review_model"]).endswith("-16")
    before = digests(reviewed)
    night(invoke, reviewed, DAY_1, "score_reviews", "build_features")
    assert digests(reviewed) == before
    numbers = {
        row["item_id"]: row["numbers"] for row in reviewed.store.read(ITEM_FEATURES).collect()
    }
    assert numbers["i0"]["reviews"] == numbers["i1"]["reviews"] == 10
    assert numbers["i0"]["sentiment"] > 0.6 > 0.4 > numbers["i1"]["sentiment"]
    assert numbers["i0"]["aspect_size"] > numbers["i1"]["aspect_size"]
    assert "sentiment" not in numbers["i2"]


@pytest.mark.long
def test_only_new_reviews_are_scored(invoke: Invoke, reviewed: Shop) -> None:
    night(invoke, reviewed, DAY_1, "ingest", "score_reviews")
    hostile = '"<b>Great</b> ""size""; \'; DROP TABLE reviews; -- ☕ кофе"'
    deliver(
        reviewed,
        DAY_2,
        f"i0,u1,{DAY_2} 10:00:00,5,Lovely,{hostile}",
        f"i0,u1,{DAY_2} 10:00:00,5,Lovely,{hostile}",  # delivered twice
        f"i1,,{DAY_2} 10:00:00,many,,{'great ' * 200_000}",
        f"i1,u2,{DAY_2} 11:00:00,5,,",  # says nothing
        "i1,u2,at noon,5,,When?",
        f",u2,{DAY_2} 11:00:00,5,,What?",
    )
    second = night(invoke, reviewed, DAY_2, "ingest", "score_reviews", "build_features")
    assert second["ingest"]["reviews"] == 22
    assert second["ingest"]["reviews_left_out"] == 4
    assert second["score_reviews"]["scored"] == 2
    rows = reviewed.store.read(SILVER_REVIEWS, on=date.fromisoformat(DAY_2)).collect()
    text = {row["item_id"]: row["text"] for row in rows}
    assert text["i0"] == 'Lovely\n<b>Great</b> "size"; \'; DROP TABLE reviews; -- ☕ кофе'
    assert len(text["i1"]) >= 1_000_000
    users = {row["item_id"]: row["user_id"] for row in rows}
    assert users["i0"] not in (None, "u1")  # a pseudonym
    assert users["i1"] is None
    numbers = {
        row["item_id"]: row["numbers"]
        for row in reviewed.store.read(ITEM_FEATURES, on=date.fromisoformat(DAY_2)).collect()
    }
    assert numbers["i0"]["reviews"] == 11


@pytest.mark.long
def test_dry_runs_and_too_few_or_senseless_reviews(invoke: Invoke, reviewed: Shop) -> None:
    told = night(invoke, reviewed, DAY_1, "ingest")
    assert told["ingest"]["reviews"] == 20
    conf = ("--conf-file", reviewed.conf, "--ds", DAY_1)
    assert invoke("score_reviews", *conf, "--dry-run").code == 0
    assert not (reviewed.folder / "warehouse" / "models").exists()
    assert reviewed.store.version(REVIEW_SCORES) is None
    ended = invoke("score_reviews", *conf, "--set", "reviews.min_rated=21")
    assert ended.code == 0
    why = next(line["why"] for line in ended.lines if line["event"] == "step")
    assert why == (
        "20 reviews rated as plainly pleased or displeased, fewer than reviews.min_rated (21)"
    )
    rows = [f"i0,u{n},{DAY_1} 10:00:{n:02},{1 if n % 3 else 5},,the same" for n in range(20)]
    deliver(reviewed, DAY_1, *rows)
    again = night(invoke, reviewed, DAY_1, "ingest", "score_reviews", "build_features")
    assert again["score_reviews"]["status"] == "skipped"
    assert "do not tell their ratings: AUC 0.500" in str(again["score_reviews"]["why"])
