"""Users and items -> vectors of a model's towers, in Spark, by the encoding of its training set."""

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame

from nightshelf.columns import ITEM, USER, VECTOR
from nightshelf.features.encoding import Encoding
from nightshelf.features.pairs import of_items, of_users
from nightshelf.features.scorers import Scorer
from nightshelf.features.sides import encoded_items, encoded_users
from nightshelf.fields import Rows
from nightshelf.learning.loading import Loader, loaded
from nightshelf.sending import send
from nightshelf.tables import ITEM_FEATURES, USER_FEATURES

Batches = Iterable[pa.RecordBatch]


def user_vectors(users: DataFrame, encoding: Encoding, load: Loader[Scorer]) -> DataFrame:
    """[gold.user_features of a night] -> [user_id, vector array<float>]."""
    return _vectors(
        users.select(*(column.name for column in USER_FEATURES.columns)),
        USER,
        encoding,
        load,
        lambda own, batch: of_users(own, encoded_users(own, batch)),
    )


def item_vectors(items: DataFrame, encoding: Encoding, load: Loader[Scorer]) -> DataFrame:
    """[gold.item_features of a night] -> [item_id, vector array<float>]."""
    return _vectors(
        items.select(*(column.name for column in ITEM_FEATURES.columns)),
        ITEM,
        encoding,
        load,
        lambda own, batch: of_items(own, encoded_items(own, batch)),
    )


def _vectors(
    rows: DataFrame,
    key: str,
    encoding: Encoding,
    load: Loader[Scorer],
    encoded: Callable[[Encoding, pa.RecordBatch], Rows],
) -> DataFrame:
    sent = send(rows.sparkSession.sparkContext, encoding)

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        model = loaded(load)
        for batch in batches:
            vectors = model(encoded(sent.value, batch))
            flat = pa.array(vectors.reshape(-1), pa.float32())
            lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
            yield pa.RecordBatch.from_arrays(
                [batch.column(key), lists.cast(pa.list_(pa.float32()))], [key, VECTOR]
            )

    return rows.mapInArrow(task, f"{key} string, {VECTOR} array<float>")
