"""The model of a night: what it is called, and when the lists are made without it."""

from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from nightshelf.config import load
from nightshelf.errors import MissingInputError, RetryLaterError
from nightshelf.jobs import ranking_model, search_model, two_towers
from nightshelf.literals import frame_of
from nightshelf.tables import ITEM_FEATURES, USER_FEATURES
from tests.features import sample_shop as shop
from tests.features.rows import day, item_row

DS = day(5)


def a_night(spark: SparkSession, key: str) -> Any:
    """A run of a night whose items have vectors of that key."""
    rows = [item_row("i1", 5), item_row("i2", 5, vectors={key: [0.5, 1.0]})]
    items = frame_of(spark, rows, ITEM_FEATURES.schema)
    return SimpleNamespace(
        config=load(None),
        ds=DS,
        read=lambda table, on: items,
        store=SimpleNamespace(has=lambda *_: True),
    )


def names(*overrides: str) -> tuple[str, str]:
    run: Any = SimpleNamespace(config=load(None, overrides), ds=DS)
    return ranking_model.model_id(run), two_towers.towers_id(run)


@pytest.mark.parametrize(
    "override",
    [
        "recommend.half_life_days=5", "recommend.bought_types=[cart]", "recommend.repeatable=true",
        "recommend.repeatable_categories=[tea]", "text.enabled=false", "text.dimensions=8",
        "reviews.prior=1", "samples.seed=8", "ctr.epochs=2",
    ],
)  # fmt: skip
def test_another_model_has_another_id(override: str) -> None:
    assert all(a != b for a, b in zip(names(), names(override), strict=True))


def test_what_only_concerns_the_lists_changes_no_id() -> None:
    serving = ("recommend.k=7", "recommend.text_weight=1", "text.neighbours=9", "search.k=5")
    assert names(*serving) == names()


def test_a_model_of_other_texts_does_not_rank(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SimpleNamespace(encoding=shop.draft())
    monkeypatch.setattr(ranking_model, "model_in_use", lambda *_: ("m", "models/m"))
    monkeypatch.setattr(ranking_model, "RankingModel", SimpleNamespace(of=lambda *_: made))
    monkeypatch.setattr(two_towers, "TwoTowers", SimpleNamespace(of=lambda *_: made))
    warned: list[str] = []
    log = SimpleNamespace(warning=lambda _, why: warned.append(why))
    monkeypatch.setattr(ranking_model, "logger", lambda: log)
    night = a_night(spark, "text")
    assert ranking_model.ranking_model(night) is two_towers.two_towers(night) is made
    assert not warned
    night = a_night(spark, "text:another")
    assert ranking_model.ranking_model(night) is two_towers.two_towers(night) is None
    assert len(warned) == 2
    assert all("no vectors 'text' of 2026-11-06, on which the model was" in why for why in warned)


def test_without_features_no_model_ranks(spark: SparkSession) -> None:
    night = a_night(spark, "text")
    night.store.has = lambda table, _: table is not USER_FEATURES
    with pytest.raises(MissingInputError, match="user_features: no rows of 2026-11-06; run build"):
        ranking_model.check_features(night, shop.draft())


def test_storage_that_fails_ends_the_step_rather_than_the_use_of_a_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: object) -> None:
        raise RetryLaterError("hdfs://nn/models: storage failed; run again")

    monkeypatch.setattr(ranking_model, "model_in_use", failing)
    run: Any = SimpleNamespace(
        config=load(None, ("text_training.enabled=true", "search.rerank=20")), ds=DS
    )
    for asked in (ranking_model.ranking_model, two_towers.two_towers, search_model.search_judge):
        with pytest.raises(RetryLaterError):
            asked(run)
