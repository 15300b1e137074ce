"""The items' texts and their vectors, as the night's steps use them."""

from datetime import date, timedelta

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM, MODEL_ID, TEXT, TEXT_HASH, VECTOR
from nightshelf.errors import ConfigError
from nightshelf.features.item_features import Texts
from nightshelf.jobs.features import known_items
from nightshelf.jobs.reviews import item_praise
from nightshelf.literals import frame_of
from nightshelf.runs import Run
from nightshelf.runs.logs import logger
from nightshelf.tables import ITEM_TEXT, SILVER_ITEMS, TEXT_NEIGHBOURS
from nightshelf.text import basis as reduced
from nightshelf.text.basis import Basis
from nightshelf.text.documents import item_texts
from nightshelf.text.earliest import learnt_from
from nightshelf.text.model import TextModel
from nightshelf.text.vectors import of_items


def text_model(run: Run) -> TextModel:
    """The configured model; LSA is that of the texts up to ds.

    Raises ConfigError as `TextModel.of` does.
    """
    config, root = run.config.text, run.store.root
    model = TextModel.of(config, root)
    texts = known_texts(run) if model.is_lsa else None
    if texts is None:
        return model
    found = texts.select(TEXT_HASH).distinct().count()
    return TextModel.of(config, root, learnt_from(found, config.lsa_texts))


def known_texts(run: Run) -> DataFrame | None:
    """[item_id, ds, text, text_hash] up to ds; None where the shop tells nothing of its items."""
    if run.store.version(SILVER_ITEMS) is None:
        return None
    return known_items(run).transform(item_texts(item_praise(run)))


def known_vectors(run: Run, model: TextModel, until: date) -> DataFrame:
    """[text_hash, vector] of the model, made up to a day, each text once."""
    if run.store.version(ITEM_TEXT) is None:
        return frame_of(run.spark, [], ITEM_TEXT.schema).select(TEXT_HASH, VECTOR)
    made = run.read(ITEM_TEXT, until=until).where(F.col(MODEL_ID) == model.model_id)
    # Days that were made again may hold a text twice.
    return made.groupBy(TEXT_HASH).agg(F.min_by(VECTOR, DS).alias(VECTOR))


def text_vectors(run: Run) -> Texts | None:
    """The reduced vectors of the items' texts; None, with a warning that says why, without any."""
    if not run.config.text.enabled:
        return None
    texts = known_texts(run)
    if texts is None or run.store.version(ITEM_TEXT) is None:
        return None
    try:
        model = text_model(run)
    except ConfigError as error:
        logger().warning("the models read no texts", why=str(error))
        return None
    made = known_vectors(run, model, run.ds)
    reduction = _reduction(run, made.count())
    found = Basis.load(model.folder, f"basis-{reduction}")
    if found is None:
        return None
    return Texts(f"{TEXT}:{model.model_id}-{reduction}", texts.transform(of_items(made, found)))


def keep_basis(run: Run, model: TextModel) -> None:
    """Learns how vectors are reduced from the earliest up to ds, where that is not known yet."""
    made = run.read(ITEM_TEXT, until=run.ds).where(F.col(MODEL_ID) == model.model_id)
    told = made.groupBy(TEXT_HASH).agg(F.min(DS).alias(DS), F.min_by(VECTOR, DS).alias(VECTOR))
    found = told.count()
    name, many = f"basis-{_reduction(run, found)}", learnt_from(found, run.config.text.basis_texts)
    if many < reduced.LEAST or Basis.load(model.folder, name) is not None:
        return
    some = told.orderBy(DS, TEXT_HASH).limit(many)
    vectors = some.select(VECTOR).toArrow().column(VECTOR).combine_chunks()
    numbers = vectors.flatten().to_numpy(zero_copy_only=False).reshape(many, -1)
    made_of = np.asarray(numbers, np.float32)
    reduced.fit(made_of, run.config.text.dimensions).save(model.folder, name)


def day_before(run: Run) -> date:
    """The last day whose vectors a rerun of ds finds as they are."""
    return run.ds - timedelta(days=1)


def current_texts(texts: DataFrame) -> DataFrame:
    """[item_id, ds, text, text_hash] -> [item_id, text, text_hash]: each item's newest text."""
    newest = (F.max_by(name, DS).alias(name) for name in (TEXT, TEXT_HASH))
    return texts.groupBy(ITEM).agg(*newest)


def similar_texts(run: Run) -> DataFrame | None:
    """gold.text_neighbours of ds; None where there are none."""
    if not run.config.text.enabled or not run.store.has(TEXT_NEIGHBOURS, run.ds):
        return None
    return run.read(TEXT_NEIGHBOURS, on=run.ds)


def _reduction(run: Run, vectors: int) -> str:
    """Names the basis of a night up to which there were so many vectors."""
    config = run.config.text
    return f"{config.dimensions}-{learnt_from(vectors, config.basis_texts)}"
