"""Which pairs are learnt from, and how they are divided."""

from pathlib import Path

from nightshelf.text.pairs import decoded
from nightshelf.text.training_pairs import splits, tokenised, with_negatives
from tests.conftest import Frame
from tests.text.tiny import save

PAIRS = "query string, item_id string, text string, label double, weight double"


def test_a_query_is_in_one_split(frame: Frame) -> None:
    rows = [(f"q{n // 3}", f"i{n}", "", 0.5, float(n)) for n in range(3_000)]
    found = frame(PAIRS, rows).transform(splits(2_000)).collect()
    learnt_from = [row["weight"] for row in found if row["split"] == "train"]
    others = {row["weight"] for row in found if row["split"] != "train"}
    # The heaviest ones; of those that judge, there are fewer than their limit.
    heavier = {float(n) for n in range(int(min(learnt_from)), 3_000)}
    assert len(learnt_from) == 2_000
    assert heavier <= {*learnt_from, *others}
    assert min(others) < min(learnt_from)
    by_query: dict[str, set[str]] = {}
    for row in found:
        by_query.setdefault(row["query"], set()).add(row["split"])
    assert {len(own) for own in by_query.values()} == {1}
    shares = [sum(own == {split} for own in by_query.values()) for split in ("valid", "test")]
    assert all(50 <= share <= 110 for share in shares)
    fewer = frame(PAIRS, rows[1_500:]).transform(splits(2_000)).collect()
    splits_of = {row["query"]: row["split"] for row in found}
    assert all(splits_of[row["query"]] == row["split"] for row in fewer)


def test_what_was_not_shown_is_drawn(frame: Frame) -> None:
    items = frame("item_id string, text string", [(f"i{n}", f"text {n}") for n in range(50)])
    rows = [(f"q{n % 4}", f"i{n}", f"text {n}", 0.5, 2.0) for n in range(20)]
    pairs = frame(PAIRS, rows).transform(splits(100))
    some = pairs.withColumn("split", pairs["query"].eqNullSafe("q3").cast("string"))
    some = some.replace({"true": "test", "false": "train"}, subset=["split"])
    # Of q0 nearly everything was shown, though little of it is learnt from.
    more = [("q0", f"i{n}") for n in range(20, 48)]
    log = frame("query string, item_id string", [row[:2] for row in rows] + more)
    found = some.transform(with_negatives(items, log, 2)).collect()
    drawn = [row for row in found if row["label"] == 0.0]
    shown = {row[:2] for row in [*rows, *more]}
    assert 15 <= len(drawn) <= 30
    assert {row["split"] for row in drawn} == {"train"}
    assert {row["query"] for row in drawn} == {"q0", "q1", "q2"}
    assert all((row["query"], row["item_id"]) not in shown for row in drawn)
    assert all(row["text"] == f"text {row['item_id'][1:]}" for row in drawn)
    assert len({(row["query"], row["item_id"]) for row in found}) == len(found)
    assert len(some.transform(with_negatives(items, log, 0)).collect()) == 20


def test_tokens_are_padded_to_one_length(frame: Frame, tmp_path: Path) -> None:
    weights = save(tmp_path)
    rows = [("blue mug", "a", "the red lamp", 0.25, 2.0), ("shoe", "b", "mug " * 99, 1.0, 1.0)]
    pairs = frame(PAIRS, rows)
    table = pairs.transform(tokenised(str(weights), "cross", 8)).toArrow()
    columns = {name: table[name].to_numpy() for name in table.column_names}
    columns |= {n: [*map(list, table[n].to_pylist())] for n in ("ids", "types", "lengths")}
    found = decoded(columns)
    assert found.ids.shape == (2, 1, 8)
    # [CLS] blue mug [SEP] the red lamp [SEP]
    assert found.ids[0, 0].tolist() == [2, 5, 7, 3, 11, 6, 8, 3]
    assert found.types[0, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert found.lengths.tolist() == [[8], [8]]
    assert found.labels.tolist() == [0.25, 1.0]
    two = pairs.transform(tokenised(str(weights), "bi", 8)).toArrow()
    assert two["lengths"].to_pylist() == [[4, 5], [3, 8]]
    # The model has 64 positions.
    long = pairs.transform(tokenised(str(weights), "cross", 500)).toArrow()
    assert long["lengths"].to_pylist() == [[8], [64]]
    assert {len(own) for own in long["ids"].to_pylist()} == {64}
