"""The same figures as ranx and torchmetrics, which other people wrote, to a billionth."""

import numpy as np
import pytest
import torch
from ranx import Qrels, Run, evaluate
from torchmetrics.functional.classification import binary_auroc
from torchmetrics.functional.retrieval import (
    retrieval_hit_rate,
    retrieval_normalized_dcg,
    retrieval_precision,
    retrieval_recall,
    retrieval_reciprocal_rank,
)

from nightshelf.evaluation.facts import facts_of
from nightshelf.evaluation.figures import figures, scored
from nightshelf.evaluation.intervals import means
from nightshelf.evaluation.people import Outcomes
from nightshelf.evaluation.scores import score_means
from nightshelf.sending import send
from tests.conftest import Frame

LISTS = "user_id string, item_id string, rank int, score double, source string"
PAIRS = "user_id string, item_id string"
KS = (3, 10)
USERS, ITEMS, LENGTH = 60, 40, 12
RANX = {
    "precision": "precision", "recall": "recall", "f1": "f1", "hit_rate": "hit_rate",
    "ndcg": "ndcg", "map": "map", "mrr": "mrr",
}  # fmt: skip


@pytest.fixture(scope="module")
def lists() -> dict[str, list[str]]:
    rng = np.random.default_rng(11)
    return {f"u{u}": [f"i{i}" for i in rng.permutation(ITEMS)[:LENGTH]] for u in range(USERS)}


@pytest.fixture(scope="module")
def wanted() -> dict[str, set[str]]:
    rng = np.random.default_rng(12)
    return {
        f"u{u}": {f"i{i}" for i in rng.choice(ITEMS, rng.integers(1, 15), replace=False)}
        for u in range(USERS)
    }


@pytest.mark.slow
@pytest.mark.long  # ranx compiles for more than a minute
@pytest.mark.filterwarnings("ignore:unsafe cast")
def test_equal_ranx_and_torchmetrics(
    frame: Frame, lists: dict[str, list[str]], wanted: dict[str, set[str]]
) -> None:
    ranked = frame(
        LISTS,
        [(u, i, r, 1 / r, "cf") for u, items in lists.items() for r, i in enumerate(items, 1)],
    )
    outcomes = Outcomes(frame(PAIRS, [(u, i) for u, items in wanted.items() for i in items]))
    items = frame("item_id string, category string, price double", [("i0", None, None)])
    facts = send(ranked.sparkSession.sparkContext, facts_of(items, outcomes.wanted))
    overall = "segment = 'all' AND source = 'all'"
    rows = (
        ranked.transform(figures(outcomes, facts, KS)).transform(means(KS, 100, {})).where(overall)
    )
    told = {row["metric"]: row["value"] for row in rows.collect()}

    qrels = Qrels({user: dict.fromkeys(items, 1) for user, items in wanted.items()})
    run = Run({u: {i: 1 / r for r, i in enumerate(items, 1)} for u, items in lists.items()})
    for k in KS:
        theirs = evaluate(qrels, run, [f"{name}@{k}" for name in RANX.values()])
        for ours, name in RANX.items():
            assert told[f"{ours}@{k}"] == pytest.approx(theirs[f"{name}@{k}"], abs=1e-9), ours

    functions = {
        "precision": retrieval_precision, "recall": retrieval_recall,
        "hit_rate": retrieval_hit_rate, "ndcg": retrieval_normalized_dcg,
        "mrr": retrieval_reciprocal_rank,
    }  # fmt: skip
    for k in KS:
        for name, function in functions.items():
            values = [
                float(function(*_scores(lists[user], wanted[user]), top_k=k)) for user in lists
            ]
            # torchmetrics counts in single precision.
            assert told[f"{name}@{k}"] == pytest.approx(np.mean(values), abs=1e-6), name

    scores = ranked.transform(scored(outcomes, facts, None)).transform(score_means(100, None))
    [auc] = scores.where("segment = 'all' AND metric = 'auc'").collect()
    labels = torch.tensor([int(i in wanted[u]) for u, items in lists.items() for i in items])
    probabilities = [1 / rank for _ in lists for rank in range(1, LENGTH + 1)]
    area = float(binary_auroc(torch.tensor(probabilities, dtype=torch.float64), labels))
    assert auc["value"] == pytest.approx(area, abs=1e-6)


def _scores(ranked: list[str], wanted: set[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and labels of all items: those of the list first, in order, the others below."""
    others = [item for n in range(ITEMS) if (item := f"i{n}") not in ranked]
    labels = torch.tensor([item in wanted for item in [*ranked, *others]])
    return torch.arange(ITEMS, 0, -1).float(), labels
