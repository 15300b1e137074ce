"""How pleased reviews are, as a whole and by aspect."""

from itertools import product
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from nightshelf.errors import DataQualityError
from nightshelf.learning.storage import Folder
from nightshelf.text.sentiment import Opinions, Sentiment, fit

GOOD, BAD = ("lovely", "great", "perfect"), ("awful", "broken", "useless")
THINGS = ("mug", "lamp", "scarf", "belt", "torch")
ASPECTS = {"fit": ("size", "Fits"), "price": ("price", "size")}


@pytest.fixture(scope="module")
def sentiment() -> Sentiment:
    """Learnt from reviews that are plainly good or bad."""
    told = [
        (f"A {word} {thing}, it is {word}.", word in GOOD)
        for word, thing in product((*GOOD, *BAD), THINGS)
    ]
    return fit([text for text, _ in told], [pleased for _, pleased in told])


def test_words_tell_how_pleased_a_review_is(sentiment: Sentiment) -> None:
    assert sentiment.told["auc"] == 1.0
    assert sentiment.told["mean"] == pytest.approx(0.5, abs=0.1)
    good, bad, strange, nothing = sentiment(["A great hat.", "An awful hat.", "☕ кофе", ""])
    assert good > 0.6 > 0.4 > bad
    assert strange == nothing == pytest.approx(1 / (1 + np.exp(-sentiment.bias)))


def test_each_sentence_tells_of_its_aspects(sentiment: Sentiment) -> None:
    opinions = Opinions(sentiment, ASPECTS)
    texts = [
        "It fits, great! The price is awful; useless",
        "A great mug.",
        "Awful size\nGreat SIZE",
    ]
    scores, aspects = opinions(texts)
    assert scores.tolist() == sentiment(texts).tolist()
    fits, price, awful, great = sentiment(
        ["It fits, great!", "The price is awful;", "Awful size", "Great SIZE"]
    )
    assert aspects[0] == pytest.approx({"fit": fits, "price": price})
    assert fits > 0.5 > price
    assert aspects[1] == {}
    both = (awful + great) / 2
    assert aspects[2] == pytest.approx({"fit": both, "price": both})


def test_reviews_of_one_mind_teach_nothing() -> None:
    found = fit(["good"] * 10, [True] * 10)
    assert isnan(found.told["auc"])
    assert found(["good"]).tolist() == [0.5]


def test_what_was_learnt_is_read_back(sentiment: Sentiment, tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    sentiment.save(folder)
    read = Sentiment.load(folder)
    assert read(["great", "awful"]).tolist() == sentiment(["great", "awful"]).tolist()
    assert read.told["auc"] == 1.0
    whole = (tmp_path / "sentiment.safetensors").read_bytes()
    (tmp_path / "sentiment.safetensors").write_bytes(whole[:-1])
    with pytest.raises(DataQualityError, match="torn"):
        Sentiment.load(folder)


def test_clothing_reviews(shared_data: Path) -> None:
    told = pd.read_csv(
        shared_data / "clothing-reviews" / "Womens Clothing E-Commerce Reviews.csv.gz"
    )
    told = told[told["Review Text"].notna() & (told["Rating"] != 3)].head(6_000)
    texts, pleased = told["Review Text"].tolist(), (told["Rating"] > 3).tolist()
    found = fit(texts[:4_000], pleased[:4_000])
    auc = roc_auc_score(pleased[4_000:], found(texts[4_000:]))
    assert auc > 0.93
    assert found.told["auc"] == pytest.approx(auc, abs=0.03)
