"""Vectors of the items' texts, made once a text, and what they are used for."""

from datetime import date
from pathlib import Path

import pytest

from nightshelf.config import load
from nightshelf.jobs.searching import ask
from nightshelf.runs import Run
from nightshelf.tables import ITEM_FEATURES, ITEM_NEIGHBOURS, ITEM_TEXT, TEXT_NEIGHBOURS
from tests.jobs.conftest import Invoke, Shop, night
from tests.text.tiny import save

DAY_1, DAY_2 = "2026-11-23", "2026-11-24"
TEXTS = """
  items:
    format: csv
    path: items.csv
    options: {{header: true}}
    columns: {{item_id: item, title: title, description: description}}
text: {{model: {model}, neighbours: 2, dimensions: 3, max_tokens: 32}}
ctr: {{min_positives: 1}}
"""
TITLES = {"i0": "blue mug", "i1": "red mug", "i2": "blue lamp", "i3": "the kitchen lamp"}


@pytest.fixture
def texts(shop: Shop, tmp_path: Path) -> Shop:
    """The small shop with titles; i9 is new: nobody has wanted it."""
    shop.configure(sources=TEXTS.format(model=save(tmp_path / "weights")))
    name_items(shop)
    return shop


def name_items(shop: Shop, **changed: str) -> None:
    rows = [f'{item},"{title}",' for item, title in (TITLES | {"i9": "red lamp"} | changed).items()]
    (shop.folder / "items.csv").write_text("\n".join(["item,title,description", *rows]))


@pytest.mark.long
def test_only_new_texts_are_encoded(invoke: Invoke, texts: Shop) -> None:
    first = night(invoke, texts, DAY_1, "ingest", "build_item_text")["build_item_text"]
    assert first["encoded"] == 5
    assert first["cut"] == 0
    before = texts.store.digest(ITEM_TEXT), texts.store.digest(TEXT_NEIGHBOURS)
    again = night(invoke, texts, DAY_1, "build_item_text")["build_item_text"]
    assert again["encoded"] == 5  # the day is made again, and is the same
    assert (texts.store.digest(ITEM_TEXT), texts.store.digest(TEXT_NEIGHBOURS)) == before
    name_items(texts, i0="blue café mug", i3="lamp " * 100)
    second = night(invoke, texts, DAY_2, "ingest", "build_item_text")["build_item_text"]
    assert second["encoded"] == 2
    assert second["cut"] == 1
    third = night(invoke, texts, "2026-11-25", "build_item_text")["build_item_text"]
    assert third["encoded"] == 0
    # Nothing has changed: neither have the neighbours.
    manifest = texts.store.last_manifest(TEXT_NEIGHBOURS)
    assert (manifest["ds"], told_of(texts, 25)) == ("2026-11-25", told_of(texts, 24))
    assert told_of(texts, 24) != told_of(texts, 23)
    one = ("--set", "text.neighbours=1")
    fewer = invoke("build_item_text", "--conf-file", texts.conf, "--ds", "2026-11-25", *one)
    assert fewer.code == 0
    assert {rank for _, rank, _, _ in told_of(texts, 25)} == {1}


def told_of(shop: Shop, day: int) -> set[tuple[str, int, str, float]]:
    rows = shop.store.read(TEXT_NEIGHBOURS).where(f"ds = '2026-11-{day}'")
    return {tuple(row)[:4] for row in rows.collect()}


@pytest.mark.long
def test_what_few_texts_taught_is_learnt_anew(invoke: Invoke, texts: Shop) -> None:
    """LSA and the reduction hold until there are twice as many texts; a dry run keeps nothing."""
    texts.configure(sources=TEXTS.format(model="lsa"))
    (texts.folder / "items.csv").write_text('item,title,description\ni0,"blue mug",')
    night(invoke, texts, DAY_1, "ingest")
    few = night(invoke, texts, DAY_1, "build_item_text")["build_item_text"]
    assert few["why"] == "lsa learns from 2 texts or more, and the shop tells fewer"
    name_items(texts)
    night(invoke, texts, DAY_1, "ingest")
    models = texts.folder / "warehouse" / "models"
    dry = invoke("build_item_text", "--conf-file", texts.conf, "--ds", DAY_1, "--dry-run")
    assert dry.code == 0, dry.error
    assert not models.exists()
    first = night(invoke, texts, DAY_1, "build_item_text", "build_features")["build_item_text"]
    assert first["text_model"].endswith("-4")  # of five
    assert (models / first["text_model"] / "basis-3-4.safetensors").exists()
    name_items(texts, i5="red shoe", i6="blue shoe", i7="the kitchen shoe")
    second = night(invoke, texts, DAY_2, "ingest", "build_item_text", "build_features")
    assert second["build_item_text"]["text_model"] == first["text_model"].removesuffix("4") + "8"
    assert second["build_item_text"]["encoded"] == 8
    keys = texts.store.read(ITEM_FEATURES).where(f"ds = '{DAY_2}'").select("vectors").collect()
    assert {key for (told,) in keys for key in told} == {
        f"text:{second['build_item_text']['text_model']}-3-8"
    }


@pytest.mark.long
def test_what_texts_are_used_for(invoke: Invoke, texts: Shop) -> None:
    night(invoke, texts, DAY_1, "ingest", "build_item_text", "build_item_cf", "build_features")
    alike = texts.store.read(TEXT_NEIGHBOURS).collect()
    assert {row["item_id"] for row in alike} == {*TITLES, "i9"}
    assert all(row["item_id"] != row["neighbour_id"] and row["rank"] <= 2 for row in alike)
    rows = texts.store.read(ITEM_NEIGHBOURS).collect()
    cold = [row for row in rows if row["item_id"] == "i9"]
    assert [row["co_users"] for row in cold] == [0, 0]
    assert [(r["neighbour_id"], r["similarity"]) for r in cold] == [
        (r["neighbour_id"], r["similarity"]) for r in alike if r["item_id"] == "i9"
    ]
    assert all(row["co_users"] > 0 for row in rows if row["item_id"] != "i9")
    for row in texts.store.read(ITEM_FEATURES).collect():
        ((key, vector),) = row["vectors"].items()
        assert key.startswith("text:text-weights-")
        assert len(vector) == 3


@pytest.mark.long
def test_what_has_no_known_word_is_like_nothing(invoke: Invoke, shop: Shop) -> None:
    shop.configure(sources=TEXTS.format(model="lsa"))
    name_items(shop, i9="☕ !", i3="blue blue lamp")
    night(invoke, shop, DAY_2, "ingest", "build_item_text", "build_search_index")
    assert shop.store.read(ITEM_TEXT).count() == 5
    alike = shop.store.read(TEXT_NEIGHBOURS).collect()
    assert {row["item_id"] for row in alike} == {"i0", "i1", "i2", "i3"}
    assert "i9" not in {row["neighbour_id"] for row in alike}
    run = Run(shop.spark, load(shop.conf), date.fromisoformat(DAY_2), "ask", "ask-1")
    assert ask(run, "xylophone") == []
    assert {row["item_id"] for row in ask(run, "blue")} == {"i0", "i1", "i2", "i3"}


@pytest.mark.long
def test_a_shop_without_texts(invoke: Invoke, shop: Shop) -> None:
    told = night(invoke, shop, DAY_2, "ingest", "build_item_text")["build_item_text"]
    assert told["status"] == "skipped"
    assert told["why"] == "the shop tells no texts of its items"


@pytest.mark.long
def test_weights_that_are_not_there(invoke: Invoke, texts: Shop) -> None:
    night(invoke, texts, DAY_1, "ingest")
    told = ("--conf-file", texts.conf, "--ds", DAY_1, "--set", "text.model=./nowhere")
    ended = invoke("build_item_text", *told)
    assert ended.code == 64
    assert "text.model: no weights for './nowhere'" in ended.error
    assert "pip install 'nightshelf[text]'" in ended.error
