"""Which similarity a shop's own past days speak for."""

from collections.abc import Callable, Iterable, Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.cf.histories import to_pairs
from nightshelf.cf.scoring import best_unseen
from nightshelf.cf.similarities import Similarity
from nightshelf.columns import ITEM, USER
from nightshelf.evaluation.figures import user_metrics

AT = 10
METRIC = f"ndcg@{AT}"


def ndcg_by_similarity(
    histories: DataFrame,
    later: DataFrame,
    similarities: Iterable[Similarity],
    neighbours: Callable[[DataFrame, Similarity], DataFrame],
    *,
    parts: int,
) -> dict[Similarity, float | None]:
    """The mean nDCG@10 of each similarity, at once; None where no user can be judged.

    histories: packed in `parts`, up to a day; later [user_id, item_id]: what was wanted after it.
    Each similarity's `neighbours` of the histories are scored as a night does. Users are judged who
    have a history and later wanted an item that is not in it.
    """
    known = histories.transform(to_pairs).select(USER, ITEM)
    relevant = (
        later.join(known.select(USER).distinct(), USER, "left_semi")
        .join(known, [USER, ITEM], "left_anti")
        .select(USER, ITEM)
        .distinct()
        .persist()  # read once a similarity
    )
    found: dict[Similarity, float | None] = {}
    for similarity in similarities:
        lists = histories.transform(
            best_unseen(neighbours(histories, similarity), histories, n=AT, parts=parts)
        )
        mean = lists.transform(user_metrics(relevant, [AT])).agg(F.avg(METRIC)).collect()[0][0]
        found[similarity] = None if mean is None else round(mean, 6)
    relevant.unpersist()
    return found


def best(judged: Mapping[Similarity, float | None], otherwise: Similarity) -> Similarity:
    """The similarity with the highest value, the first of equal ones; `otherwise` without any."""
    values = {name: value for name, value in judged.items() if value is not None}
    return max(values, key=values.__getitem__) if values else otherwise
