"""Train the text model on what was clicked for queries -> models/<run_id>-text/, ops.models."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from nightshelf.columns import DS, ITEM, QUERY, TEXT, TITLE
from nightshelf.config import config_hash
from nightshelf.errors import ConfigError
from nightshelf.features.dealing import dealt, in_groups
from nightshelf.feedback import positive_events
from nightshelf.jobs import ranking_model as model
from nightshelf.jobs.learning import launched, record
from nightshelf.jobs.search_model import kind_of_training
from nightshelf.jobs.texts import current_texts, known_texts
from nightshelf.jobs.training_set import write_split
from nightshelf.ranking.registry import Decision, text_gate
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.runs.logs import logger
from nightshelf.runs.tracking import check_tracking, track
from nightshelf.search.clicks import labels, position_based, shown
from nightshelf.tables import OPS_MODELS, SAMPLES, SILVER_EVENTS, SILVER_ITEMS
from nightshelf.tables.as_of import items_as_of
from nightshelf.text.augment import Augmentation, augmented, read_synonyms
from nightshelf.text.fine_tuning import Settings, TextWork
from nightshelf.text.judging import judged
from nightshelf.text.model import TextModel
from nightshelf.text.pairs import LABEL, WEIGHT
from nightshelf.text.recent import recent_titles
from nightshelf.text.training_pairs import splits, tokenised, with_negatives

KEYS = ("text", "text_training")
COUNTS = 2_000_000
"""Of the pairs most shown, so many (query, item, position) rows teach the click model."""


def run(run: Run) -> None:
    """Trains on the pairs of the last days; the gate decides whether the model is used."""
    config = run.config.text_training
    if not (config.enabled and run.config.text.enabled):
        raise Skipped("text_training.enabled or text.enabled is false")
    check_tracking(run.config.tracking)
    text_model = TextModel.of(run.config.text, run.store.root)
    if text_model.is_lsa:
        raise Skipped("the text model is lsa, which has no weights to fine-tune")
    _check_age(run)
    pairs = _pairs(run).persist()  # counted, dealt, judged by the model as it came
    data = f"{run.store.root}/training/text/{run.ds.isoformat()}"
    try:
        _check_enough(run, pairs)
        _write(run, pairs, text_model.model, data)
        _train(run, pairs, text_model, data)
    finally:
        if run.dry_run:
            run.store.files.delete(data)


def _check_age(run: Run) -> None:
    """Raises Skipped where the model in use is young enough."""
    found = model.decided(run, kind_of_training(run))
    if found is None:
        return
    age, most = (run.ds - found[DS]).days, run.config.text_training.every_days
    if 0 < age < most:
        raise Skipped(
            f"{found['model_id']} is {age} days old, fewer than text_training.every_days = {most}"
        )


def _pairs(run: Run) -> DataFrame:
    """[query, item_id, text, label, weight, split, sample_id, ds]."""
    config = run.config.text_training
    texts = known_texts(run)
    if texts is None:
        raise Skipped("the shop tells no texts of its items")
    items = texts.transform(current_texts).select(ITEM, TEXT)
    labelled = _from_searches(run) if config.learn_from == "searches" else _from_histories(run)
    return (
        labelled.join(items, ITEM, "inner")
        .transform(splits(config.pairs))
        .withColumn(WEIGHT, F.col(WEIGHT) / F.avg(WEIGHT).over(Window.partitionBy("split")))
        .select(QUERY, ITEM, TEXT, LABEL, WEIGHT, "split", "sample_id")
        .transform(with_negatives(items, labelled, config.negatives))
        .transform(augmented(_augmentation(run)))
        .withColumn("sample_id", F.xxhash64(QUERY, ITEM, TEXT))
        .withColumn(DS, F.lit(run.ds))
    )


def _from_searches(run: Run) -> DataFrame:
    """[query, item_id, label, weight] of what was shown for queries on the last days."""
    config = run.config.text_training
    first = run.ds - timedelta(days=config.days - 1)
    events = run.read(SILVER_EVENTS, until=run.ds).where(F.col(DS) >= F.lit(first))
    counts = events.transform(shown(config.link_seconds)).persist()  # learnt from, labelled
    if counts.isEmpty():
        raise Skipped("no impressions that answer a search")
    order = (F.desc("shown"), QUERY, ITEM, "position")
    clicks = position_based(counts.orderBy(*order).limit(COUNTS).toArrow(), prior=config.prior)
    run.tell(examination=[round(float(value), 3) for value in clicks.examination[:10]])
    return counts.transform(lambda c: labels(c, clicks.examination, config.prior))


def _from_histories(run: Run) -> DataFrame:
    """[query, item_id, label, weight] of gold.samples on the last days."""
    config, feedback = run.config.text_training, run.config.feedback
    if run.store.version(SAMPLES) is None:
        raise Skipped("no gold.samples to learn from")
    first = run.ds - timedelta(days=config.days - 1)
    samples = run.read(SAMPLES, until=run.ds).where(F.col(DS) >= F.lit(first))
    events = run.read(SILVER_EVENTS, until=run.ds)
    positives = events.transform(positive_events(feedback.weights, feedback.positive_rating))
    items = run.read(SILVER_ITEMS).transform(items_as_of(run.ds)).where(F.trim(TITLE) != "")
    asked = samples.transform(recent_titles(positives, items.select(ITEM, TITLE), config.titles))
    label = F.col("labels")[run.config.samples.tasks[0]]
    return asked.groupBy(QUERY, ITEM).agg(F.max(label).alias(LABEL), F.max(WEIGHT).alias(WEIGHT))


def _augmentation(run: Run) -> Augmentation:
    config = run.config.text_training
    synonyms = read_synonyms(config.synonyms) if config.synonyms else {}
    if len(config.back_translation) not in (0, 2):
        raise ConfigError(
            f"text_training.back_translation: expected two models, there and back, found "
            f"{len(config.back_translation)}"
        )
    return Augmentation(config.word_dropout, synonyms, config.back_translation)


def _check_enough(run: Run, pairs: DataFrame) -> None:
    rows = {row["split"]: row["count"] for row in pairs.groupBy("split").count().collect()}
    run.rows_in = sum(rows.values())
    run.tell(pairs=rows)
    least, together = run.config.text_training.min_pairs, model.ranks(run)
    if rows.get("train", 0) < least or min(rows.get(s, 0) for s in ("valid", "test")) < together:
        raise Skipped(f"{rows} pairs, fewer than text_training.min_pairs = {least} to learn from")


def _write(run: Run, pairs: DataFrame, weights: str, data: str) -> None:
    config, files = run.config.text_training, run.store.files
    rows, deals = dealt(pairs, config.seed, run.config.samples.rows_a_group, model.ranks(run))
    files.delete(data)
    for deal in deals:
        made = in_groups(rows, deal).transform(tokenised(weights, config.kind, config.max_tokens))
        write_split(files, made, deal, f"{data}/{deal.split}")


def _train(run: Run, pairs: DataFrame, text_model: TextModel, data: str) -> None:
    kind = kind_of_training(run)
    path = f"{model.model_path(run)}-text"
    settings = _settings(run)
    out = f"{run.store.root}/{path}"
    told = launched(run, TextWork(text_model.model, data, out, settings))
    layers = run.config.text_training.student_layers
    if layers is not None and not run.dry_run:
        told, path = _student(run, data, out, path, told)
    test = {name: told["metrics"][f"test.{name}"] for name in ("ndcg@10", "auc", "groups")}
    before = _before(pairs, text_model)
    decision = text_gate(test, before)
    told["metrics"] |= {f"test.untuned.{name}": value for name, value in before.items()}
    name = f"{kind}-{run.ds}-{config_hash(run.config, *KEYS)[:8]}"
    _tell(run, name, told, test, decision)
    if run.dry_run:
        return
    record(run, name, kind, path, told, decision, KEYS)
    keys = run.config.text_training.model_dump(mode="json")
    track(run.config.tracking, name, keys, told["metrics"])


def _student(
    run: Run, data: str, teacher: str, path: str, told: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """What the student's training tells, and its folder below the root."""
    settings = replace(_settings(run), layers=run.config.text_training.student_layers)
    own = f"{path}-student"
    out = f"{run.store.root}/{own}"
    found = launched(run, TextWork(teacher, data, out, settings, teacher))
    found["metrics"] |= {f"teacher.{n}": value for n, value in told["metrics"].items()}
    run.tell(teacher_ndcg=round(told["metrics"]["test.ndcg@10"], 4))
    return found, own


def _settings(run: Run) -> Settings:
    config = run.config.text_training
    names = {field.name for field in fields(Settings)} - {"threads", "layers"}
    told = config.model_dump(include=names)
    return Settings(**told, threads=model.settings(run).threads)


def _before(pairs: DataFrame, text_model: TextModel) -> dict[str, float]:
    """How well the model as it came orders the test pairs, by the cosine of query and text."""
    rows = pairs.where("split = 'test'").orderBy(QUERY, ITEM)
    test = rows.select(QUERY, TEXT, LABEL, WEIGHT, F.xxhash64(QUERY).alias("group")).toArrow()
    encode = text_model()
    queries, texts = (encode(test[name].to_pylist()).vectors for name in (QUERY, TEXT))
    columns = (test[name].to_numpy() for name in (LABEL, WEIGHT, "group"))
    return judged(np.sum(queries * texts, axis=1), *columns)


def _tell(
    run: Run, name: str, told: dict[str, Any], test: dict[str, float], decision: Decision
) -> None:
    run.rows_out = 1
    shown = {f"test_{metric}": round(value, 4) for metric, value in test.items()}
    trained = {"pairs_s": told["rows_s"], "precision": told["precision"]}
    run.tell(model=name, **trained, **shown, decision=decision.status, why=decision.why)
    if not decision.promote:
        logger().warning("the new text model is not used", why=decision.why)


JOB = Job("train_text", run, writes=(OPS_MODELS,))
main = single(JOB)
