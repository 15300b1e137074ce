"""The same pairs in other words."""

from pathlib import Path

import pytest

from nightshelf.errors import ConfigError, MissingInputError
from nightshelf.text.augment import Augmentation, augmented, read_synonyms
from tests.conftest import Frame

PAIRS = "query string, item_id string, text string, split string"
TEXT = "blue mug of stone ware for coffee and tea\nAlden"


def test_train_rows_come_once_more_in_other_words(frame: Frame) -> None:
    rows = [(f"q{n}", "a", TEXT, "train" if n < 40 else "test") for n in range(50)]
    synonyms = {"mug": ("cup", "beaker"), "blue": ("azure",)}
    how = Augmentation(dropout=0.2, synonyms=synonyms)
    found = frame(PAIRS, rows).transform(augmented(how)).collect()
    assert [row for row in found if row["split"] == "test"] == [
        row for row in frame(PAIRS, rows).collect() if row["split"] == "test"
    ]
    train = [row for row in found if row["split"] == "train"]
    other = [row["text"] for row in train if row["text"] != TEXT]
    assert sum(row["text"] == TEXT for row in train) == 40
    assert 35 <= len(other) <= 40
    words = [word for text in other for word in text.split()]
    assert {"cup", "beaker", "azure", "mug"} < set(words)
    assert 0.7 < len(words) / (len(other) * 10) < 0.9
    assert all("\n" in text for text in other)
    again = frame(PAIRS, rows).transform(augmented(how)).collect()
    assert sorted(again) == sorted(found)


def test_nothing_is_the_default(frame: Frame) -> None:
    pairs = frame(PAIRS, [("q", "a", TEXT, "train")])
    assert pairs.transform(augmented(Augmentation())) is pairs


def test_files_of_synonyms(tmp_path: Path) -> None:
    path = tmp_path / "synonyms.tsv"
    path.write_text("Mug\tcup, beaker\n\nsofa\tcouch\n")
    assert read_synonyms(str(path)) == {"mug": ("cup", "beaker"), "sofa": ("couch",)}
    path.write_text("mug\tcup\nsofa couch\n")
    with pytest.raises(ConfigError, match=r"synonyms\.tsv:2: expected `word<TAB>synonym,…`"):
        read_synonyms(str(path))
    with pytest.raises(MissingInputError, match="no file"):
        read_synonyms(str(tmp_path / "none"))
