"""Texts of items -> their vectors, and the items whose texts are most alike.

silver.items -> gold.item_text, gold.text_neighbours.
"""

import time
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import (
    DS,
    ITEM,
    MODEL_ID,
    NEIGHBOUR,
    RANK,
    SCORE,
    SIMILARITY,
    TEXT,
    TEXT_HASH,
    USER,
    VECTOR,
)
from nightshelf.jobs.texts import (
    current_texts,
    day_before,
    keep_basis,
    known_texts,
    known_vectors,
    text_model,
)
from nightshelf.learning.loading import Held, Loader
from nightshelf.retrieval.exact import nearest_items
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.tables import ITEM_TEXT, SILVER_ITEMS, TEXT_NEIGHBOURS
from nightshelf.tables.as_of import items_as_of
from nightshelf.text import lsa
from nightshelf.text.model import TextModel, Vectors
from nightshelf.text.vectors import encoded, telling

TEXTS_A_TASK = 256
"""Loading the model takes as long as some hundred texts."""


def run(run: Run) -> None:
    """Makes vectors of the texts that have none of this model yet, then finds similar texts."""
    if not run.config.text.enabled:
        raise Skipped("text.enabled is false")
    known = known_texts(run)
    if known is None:
        raise Skipped("the shop tells no texts of its items")
    texts = known.persist()  # counted, encoded, joined with their vectors
    if texts.isEmpty():
        raise Skipped("the shop tells no texts of its items")
    model = text_model(run)
    if model.is_lsa and model.texts < lsa.LEAST:
        raise Skipped(f"lsa learns from {lsa.LEAST} texts or more, and the shop tells fewer")
    distinct = texts.groupBy(TEXT_HASH).agg(F.min(TEXT).alias(TEXT), F.min(DS).alias(DS))
    made = known_vectors(run, model, day_before(run))
    new = distinct.join(made, TEXT_HASH, "left_anti").persist()  # counted, encoded
    run.rows_in = new.count()
    _encode(run, model, new, _prepared(run, model, distinct))
    run.store.versions.pop(ITEM_TEXT.name, None)
    if not run.dry_run:
        keep_basis(run, model)
        _publish_neighbours(run, model, texts)


def _prepared(run: Run, model: TextModel, distinct: DataFrame) -> Loader[Vectors]:
    """The model, made first where it is not yet; what a dry run learns is not kept."""
    if model.is_ready():
        return model
    texts: list[str] = []
    if model.is_lsa:
        earliest = distinct.orderBy(DS, TEXT_HASH).limit(model.texts)
        texts = [row[0] for row in earliest.select(TEXT).collect()]
        if run.dry_run:
            return Held(run.run_id, model.learnt(texts))
    model.prepare(texts)
    return model


def _encode(run: Run, model: TextModel, new: DataFrame, load: Loader[Vectors]) -> None:
    tasks = max(1, min(-(-run.rows_in // TEXTS_A_TASK), run.spark.sparkContext.defaultParallelism))
    told = {MODEL_ID: F.lit(model.model_id), DS: F.lit(run.ds)}
    run.tell(text_model=_called(run, model), encoded=run.rows_in)
    if not run.rows_in and not run.store.has(ITEM_TEXT, run.ds):
        return
    began = time.monotonic()
    # Sums differ in their last bits by what a text is batched with: always with the same others.
    dealt = new.repartition(tasks, TEXT_HASH).sortWithinPartitions(TEXT_HASH)
    rows = dealt.transform(encoded(load)).withColumns(told)
    published = run.publish(rows.select(*ITEM_TEXT.schema.names), ITEM_TEXT)
    seconds = time.monotonic() - began
    if published:
        run.tell(items_s=round(published / seconds, 1), cut=_cut(run))


def _called(run: Run, model: TextModel) -> str:
    wanted = run.config.text.model
    if model.model == wanted:
        return model.model_id
    return f"{model.model_id} ({wanted} is not installed: pip install 'nightshelf[text]')"


def _cut(run: Run) -> int | None:
    """How many of the night's new texts are longer than what the model has read."""
    if run.dry_run:
        return None
    run.store.versions.pop(ITEM_TEXT.name, None)
    return run.read(ITEM_TEXT, on=run.ds).where("cut").count()


def _publish_neighbours(run: Run, model: TextModel, texts: DataFrame) -> None:
    """Finds every item's neighbours, or takes them as they are where nothing has changed."""
    current = texts.transform(current_texts)
    available = run.read(SILVER_ITEMS).transform(items_as_of(run.ds)).where("available")
    sold = available.select(ITEM, F.lit(True).alias("sold"))
    items = current.join(sold, ITEM, "left").persist()  # fingerprinted, joined with vectors
    made_of = f"{model.model_id}-{run.config.text.neighbours}-{_fingerprint(items)}"
    last = run.store.manifest_read(TEXT_NEIGHBOURS)
    day = date.fromisoformat(last["ds"]) if last.get("made_of") == made_of else None
    if day is not None and run.store.has(TEXT_NEIGHBOURS, day):  # it has not expired
        rows = run.read(TEXT_NEIGHBOURS, on=day)
    else:
        rows = _neighbours(run, items, known_vectors(run, model, run.ds))
    run.publish(rows.withColumn(DS, F.lit(run.ds)), TEXT_NEIGHBOURS, about={"made_of": made_of})


def _fingerprint(items: DataFrame) -> str:
    """The same for the same items, texts and stock, in any order."""
    told = F.xxhash64(ITEM, TEXT_HASH, F.col("sold").isNotNull())
    row = items.agg(F.count("*").alias("n"), F.bit_xor(told).alias("all")).collect()[0]
    return f"{row['n']}-{(row['all'] or 0) % 2**64:016x}"


def _neighbours(run: Run, items: DataFrame, vectors: DataFrame) -> DataFrame:
    """[item_id, rank, neighbour_id, similarity]: by cosine, of every item; those on sale.

    An item whose text tells the model nothing is near to none.
    """
    made = (
        items.join(vectors.transform(telling), TEXT_HASH, "inner")
        .select(ITEM, VECTOR, "sold")
        .persist()  # asked for their neighbours, and their neighbours
    )
    itself = made.select(F.col(ITEM).alias(USER), ITEM)
    sold = made.where("sold").select(ITEM, VECTOR)
    nearest = nearest_items(sold, n=run.config.text.neighbours, seen=itself)
    found = made.select(F.col(ITEM).alias(USER), VECTOR).transform(nearest)
    return found.select(
        F.col(USER).alias(ITEM), RANK, F.col(ITEM).alias(NEIGHBOUR), F.col(SCORE).alias(SIMILARITY)
    )


JOB = Job("build_item_text", run, writes=(ITEM_TEXT, TEXT_NEIGHBOURS))
main = single(JOB)
