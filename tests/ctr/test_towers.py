"""Two towers: they find what was planted, repeat themselves, and go on where they stopped."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pyspark.sql import SparkSession
from safetensors.torch import load_file

from nightshelf.ctr import recall
from nightshelf.ctr.architecture import Architecture
from nightshelf.ctr.decoding import shard
from nightshelf.ctr.encoder import Encoder
from nightshelf.ctr.fitting import Work, fit
from nightshelf.ctr.recall import Popularity, judged, places
from nightshelf.ctr.settings import Settings
from nightshelf.ctr.steps import Step
from nightshelf.ctr.towers import InBatch
from nightshelf.ctr.trained import Trained
from nightshelf.ctr.training import Training
from nightshelf.errors import ConfigError, DataQualityError
from nightshelf.fields import Categorical, Inputs
from nightshelf.learning.distributed import Alone
from nightshelf.learning.storage import Folder
from tests.ctr.training_sets import INPUTS, columns, training_set
from tests.learning.two_ranks import trained_by_two

SETTINGS = Settings(
    Architecture(
        "two_tower",
        embedding=8,
        hidden=(16,),
        users=("user_id", "age"),
        items=("item_id",),
        temperature=0.2,
    ),
    batch_size=200,
    epochs=6,
    patience=6,
    learning_rate=0.05,
    checkpoint_steps=7,
    recall_at=9,  # of the 10 odd and 9 even items
)
PLAIN = Inputs(categorical=(Categorical("user_id", 12), Categorical("item_id", 20)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_set(tmp_path_factory.mktemp("samples"))


def towers(data: Path, out: Path) -> dict[str, torch.Tensor]:
    fit(Work(str(data), str(out), SETTINGS), Alone())
    return load_file(out / "model.safetensors")


def test_they_find_more_than_the_most_wanted_items(data: Path, tmp_path: Path) -> None:
    told = fit(Work(str(data), str(tmp_path), SETTINGS), Alone())
    metrics = told["metrics"]
    assert told["losses"][-1] < told["losses"][0]
    assert metrics["test.items"] == 19
    assert metrics["test.positives"] == columns(4_000, 2)["label_click"].sum()
    assert 0.35 < metrics["test.popular_recall"] < 0.65
    assert metrics["test.recall"] > 0.7  # four of five positives are of the user's own parity
    assert metrics["valid.recall"] == max(told["valid_recalls"])
    assert told["best_epoch"] == 1 + int(np.argmax(told["valid_recalls"]))
    kept = json.loads((tmp_path / "model.json").read_text())
    assert kept["told"]["metrics"] == metrics


class StoppedError(Exception):
    """The process dies here."""


def test_a_broken_training_goes_on_to_the_same_towers(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, again = (towers(data, tmp_path / name) for name in ("whole", "again"))
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    take = Step.take
    for last in (10, 51):  # in the first and third epoch

        def until(self: Step, *args: object, last: int = last) -> float:
            if args[3] == last:
                raise StoppedError
            return take(self, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(Step, "take", until)
        with pytest.raises(StoppedError):
            towers(data, tmp_path / "broken")
    monkeypatch.setattr(Step, "take", take)
    resumed = towers(data, tmp_path / "broken")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def write(folder: Path, items: list[int], labels: list[int]) -> None:
    folder.mkdir(parents=True)
    rows = len(items)
    table = {
        "user_id": pa.array([1] * rows, pa.int32()),
        "item_id": pa.array(items, pa.int32()),
        "label_click": pa.array(labels, pa.float32()),
        "weight": pa.array([1.0] * rows, pa.float32()),
        "user": pa.array(range(rows), pa.int64()),
    }
    pq.write_table(pa.table(table), folder / "part-00000.parquet")


def test_popularity_counts_positives(tmp_path: Path) -> None:
    write(tmp_path / "train", [3, 3, 3, 5, 5, 7, 9], [1, 1, 1, 1, 0, 0, 0])
    train = Folder(str(tmp_path / "train"))
    found = Popularity.of(train, PLAIN, Alone())
    assert {n: c for n, c in enumerate(found.counts.tolist()) if c} == {3: 3, 5: 1}
    assert (found.rows, found.place) == (7, 1)
    np.testing.assert_allclose(np.exp(found.log_q[[3, 5, 7]]), [0.75, 0.25, 0.25])
    assert InBatch(found, train, 5).share == 4 / 7
    write(tmp_path / "none", [3], [0])
    with pytest.raises(DataQualityError, match="no row with label_click = 1"):
        Popularity.of(Folder(str(tmp_path / "none")), PLAIN, Alone())
    with pytest.raises(ConfigError, match="set towers"):
        Popularity.of(train, Inputs(categorical=PLAIN.categorical[:1]), Alone())


def test_places_by_hand() -> None:
    users = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    items = np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8]], np.float32)
    assert places(users, items, np.array([2, 0, 3])).tolist() == [1, 2, 0]


def test_the_more_items_the_fewer_users_are_placed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(7)
    users, items = (rng.normal(size=(n, 4)).astype(np.float32) for n in (10, 20))
    wanted = rng.integers(0, 20, 10)
    whole = places(users, items, wanted)
    signs: list[int] = []
    for most, blocks in ((60, 4), (7, 10)):  # three users; never fewer than one
        monkeypatch.setattr(recall, "SCORES", most)
        assert (places(users, items, wanted, lambda: signs.append(1)) == whole).all()
        assert len(signs) == blocks
        signs.clear()


def test_judging_gives_signs_of_life(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Training(Folder(str(data)), Folder(str(tmp_path)), SETTINGS, Alone()).model()
    popularity = Popularity.of(Folder(str(data / "train")), INPUTS, Alone())
    signs: list[int] = []
    monkeypatch.setattr(Alone, "sign", lambda _: signs.append(1))
    monkeypatch.setattr(recall, "SCORES", 19 * 100)
    found = judged(model, Folder(str(data / "test")), popularity, 5, Alone())
    # One for the rows read, one for their items, and one for each hundred positives.
    assert len(signs) >= 2 + found["positives"] // 100


def test_batches_without_positives_change_nothing(tmp_path: Path) -> None:
    items, labels = [3, 5, 3, 5, 9, 9, 9, 9], [1, 1, 1, 1, 0, 0, 0, 0]
    for split in ("train", "valid", "test"):
        write(tmp_path / split, items, labels)
    (tmp_path / "inputs.json").write_text(PLAIN.to_json())
    tower = dataclasses.replace(SETTINGS.architecture, users=("user_id",), items=("item_id",))
    settings = dataclasses.replace(SETTINGS, architecture=tower, batch_size=1, epochs=2)
    told = fit(Work(str(tmp_path), str(tmp_path / "out"), settings), Alone())
    assert told["steps"] == 16
    # A positive alone in its batch has nothing to be told from: no loss, and no gradient.
    assert told["losses"] == [0.0, 0.0]


def test_a_vector_does_not_hang_on_its_batch(data: Path, tmp_path: Path) -> None:
    towers(data, tmp_path)
    encoder = Encoder(Trained.load(Folder(str(tmp_path))))
    rows = next(shard(Folder(str(data / "test")), INPUTS).batches([500], None))
    users, items = encoder.users(rows), encoder.items(rows)
    assert users.shape == (500, 8)
    np.testing.assert_allclose(np.linalg.norm(users, axis=1), 1.0, rtol=1e-6)
    for some in (slice(0, 1), slice(7, 20), slice(480, 500)):
        np.testing.assert_array_equal(encoder.users(rows.take(some)), users[some])
        np.testing.assert_array_equal(encoder.items(rows.take(some)), items[some])
    other = dataclasses.replace(rows, ids=rows.ids * [1, 0], numbers=rows.numbers * [0, 1])
    other = dataclasses.replace(
        other, ids=other.ids.astype(np.int32), numbers=other.numbers.astype(np.float32)
    )
    np.testing.assert_array_equal(encoder.users(other), users)
    strange = dataclasses.replace(rows, ids=rows.ids * [0, 1], history=rows.history * 0)
    strange = dataclasses.replace(strange, ids=strange.ids.astype(np.int32))
    np.testing.assert_array_equal(encoder.items(strange), items)


def test_the_recall_of_known_towers(data: Path, tmp_path: Path) -> None:
    """Towers that were never trained, against the definition, row by row."""
    training = Training(Folder(str(data)), Folder(str(tmp_path)), SETTINGS, Alone())
    popularity = Popularity.of(Folder(str(data / "train")), INPUTS, Alone())
    found = judged(training.model(), Folder(str(data / "test")), popularity, 5, Alone())
    rows = next(shard(Folder(str(data / "test")), INPUTS).batches([4_000], None))
    encoder = Encoder(training.model())
    users, items = encoder.users(rows), encoder.items(rows)
    first = {int(item): n for n, item in reversed(list(enumerate(rows.ids[:, 1])))}
    ids = sorted(first)
    popular = sorted(ids, key=lambda item: (-popularity.counts[item], item))[:5]
    hits, popular_hits = [], []
    for n in np.flatnonzero(rows.labels[:, 0]):
        scores = {item: float(users[n] @ items[first[item]]) for item in ids}
        best = sorted(ids, key=lambda item: (-scores[item], item))[:5]
        hits.append(rows.ids[n, 1] in best)
        popular_hits.append(rows.ids[n, 1] in popular)
    assert found["recall"] == pytest.approx(np.mean(hits), abs=0.002)  # but for rounding
    assert found["popular_recall"] == np.mean(popular_hits)


@pytest.mark.slow
@pytest.mark.long
def test_two_ranks_count_and_judge_as_one(spark: SparkSession, tmp_path: Path) -> None:
    data = training_set(tmp_path / "samples", rows=400, groups=4)
    # Batches of four rows: now and then a rank has no positive.
    settings = dataclasses.replace(SETTINGS, batch_size=8, epochs=3, learning_rate=0.02)
    told = trained_by_two(spark, Work(str(data), str(tmp_path / "two"), settings))
    alone = fit(Work(str(data), str(tmp_path / "one"), settings), Alone())
    assert told["steps"] == alone["steps"] == 150
    for name in ("test.positives", "test.items", "test.popular_recall", "valid.popular_recall"):
        assert told["metrics"][name] == pytest.approx(alone["metrics"][name])
    # The two ranks' towers find in one process what the ranks said that they find.
    model = Trained.load(Folder(str(tmp_path / "two")))
    popularity = Popularity.of(Folder(str(data / "train")), INPUTS, Alone())
    found = judged(model, Folder(str(data / "test")), popularity, 9, Alone())
    assert found["recall"] == pytest.approx(told["metrics"]["test.recall"], abs=0.02)
    assert told["metrics"]["test.recall"] > told["metrics"]["test.popular_recall"]
