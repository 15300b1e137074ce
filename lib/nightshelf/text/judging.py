"""How well scores order the items of each query, by scikit-learn's metrics."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import ndcg_score, roc_auc_score

Array = NDArray[Any]


def judged(scores: Array, labels: Array, weights: Array, groups: Array) -> dict[str, float]:
    """nDCG@10, AUC, rows and groups of N rows.

    labels from 0 to 1 are the gains of nDCG, which is the mean over the groups with two rows and
    two labels at least. For AUC each row is a positive of its weight times its label, and a
    negative of the rest; 0.5 where all labels are 0 or all are 1.
    """
    found = {"rows": float(len(scores)), "ndcg@10": 0.0, "auc": 0.5}
    values = []
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        if len(rows) > 1 and labels[rows].max() > labels[rows].min():
            values.append(ndcg_score([labels[rows]], [scores[rows]], k=10))
    if values:
        found["ndcg@10"] = float(np.mean(values))
    found["groups"] = float(len(values))
    positive, negative = weights * labels, weights * (1.0 - labels)
    if positive.sum() > 0 and negative.sum() > 0:
        truth = np.repeat([1, 0], len(scores))
        told = np.concatenate([positive, negative])
        found["auc"] = float(roc_auc_score(truth, np.tile(scores, 2), sample_weight=told))
    return found
