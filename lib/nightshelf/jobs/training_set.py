"""A training set in the warehouse: `<root>/training/<ds>`, replaced as a whole.

train, valid, test: Parquet files of one row group each, part-00000 on. inputs.json: `fields.Inputs`
of their columns. encoding: how the rows were made, for whoever scores with the model.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nightshelf.columns import ITEM, POSITION, USER, Transform
from nightshelf.errors import DataQualityError
from nightshelf.features.cross import Near
from nightshelf.features.dealing import Deal, dealt
from nightshelf.features.declared import ITEMS, Field, declared
from nightshelf.features.encoding import FOLDER, Encoding, planned, vocabularies
from nightshelf.features.export import (
    asked,
    encoded_rows,
    features,
    has_history,
    row_groups,
    told_vectors,
    value_counts,
    with_moments,
)
from nightshelf.features.vocabulary import Vocabulary, grown, shares
from nightshelf.literals import frame_of
from nightshelf.runs import Run
from nightshelf.tables import VOCABULARIES
from nightshelf.tables.files import Files
from nightshelf.tables.parquet import contents

ROW_GROUP_BYTES = 512 * 2**20  # more than any group has: its rows shall stay together
INPUTS = "inputs.json"

_FOOTER = "groups int, rows bigint"


@dataclass(frozen=True)
class Sides:
    """The features that samples take, with the training rows of each; both persisted."""

    users: DataFrame
    items: DataFrame


def folder(run: Run) -> str:
    """Where the training set of the run's ds lies."""
    return f"{run.store.root}/training/{run.ds.isoformat()}"


def export(
    run: Run, samples: DataFrame, made: Mapping[str, Transform], near: Near, ranks: int
) -> Encoding:
    """Writes the training set of gold.samples' rows, persisted, for so many ranks.

    made: by user_id and item_id, what makes features of [key, ds]. Publishes the values' new ids,
    and tells which fields were left out and how many values are unknown.
    """
    dealt_rows, deals = dealt(
        samples, run.config.samples.seed, run.config.samples.rows_a_group, ranks
    )
    wanted = {key: asked(samples, key).persist() for key in (USER, ITEM)}  # read three times
    users, items = (features(wanted[key], key, made[key]).persist() for key in (USER, ITEM))
    sides = Sides(users, items)
    draft = _planned(run, samples, sides, deals)
    rows = encoded_rows(dealt_rows, users, items, near, draft).persist()
    encoding = with_moments(rows, draft)
    _tell_left_out(run, encoding)
    _write(run, rows, deals, draft, encoding)
    for frame in (rows, users, items, *wanted.values()):
        frame.unpersist()
    return encoding


def _planned(run: Run, samples: DataFrame, sides: Sides, deals: list[Deal]) -> Encoding:
    """The encoding before its numbers are measured, of the fields that training rows have."""
    config = run.config.features
    fields = declared(config.fields)
    rows = next(deal.rows for deal in deals if deal.split == "train")
    counts = _value_counts(sides, fields).persist()  # ids are given, shares told
    known = _vocabularies(run, counts, rows)
    there = {row[0] for row in counts.select("field").distinct().collect()}
    counts.unpersist()
    vectors = told_vectors(sides.items, fields)
    there |= {vector.name for vector in vectors}
    train = samples.where(F.col("split") == "train")
    if not train.where(F.col(POSITION).isNotNull()).isEmpty():
        there |= {field.column for field in fields if field.source == "context"}
    if ITEMS in there and has_history(sides.users):
        there |= {field.column for field in fields if field.source == "history"}
    return planned(
        [field for field in fields if field.kind == "numeric" or field.column in there],
        known,
        vectors,
        tasks=run.config.samples.tasks,
        buckets=run.config.samples.buckets,
        length=config.history_length,
        favourites=config.favourites,
        half_life_days=run.config.recommend.half_life_days,
    )


def _value_counts(sides: Sides, fields: Iterable[Field]) -> DataFrame:
    user, item = (
        [field for field in fields if field.source == source] for source in ("user", "item")
    )
    return value_counts(sides.users, user).unionByName(value_counts(sides.items, item))


def _vocabularies(run: Run, counts: DataFrame, rows: int) -> dict[str, Vocabulary]:
    """Gives values that are new their ids, publishes them, tells the shares without one.

    Ids given on later days are not read: an older night run again has those that it had.
    """
    samples = run.config.samples
    # Two nights that gave ids at once would give the same ones.
    with run.store.locks.hold_in_turn(f"{VOCABULARIES.name}/ids"):
        run.store.versions.pop(VOCABULARIES.name, None)
        has_some = run.store.version(VOCABULARIES) is not None
        known = run.read(VOCABULARIES) if has_some else frame_of(run.spark, [], VOCABULARIES.schema)
        ids = grown(
            known, counts, min_count=samples.min_count, buckets=samples.buckets, ds=run.ds
        ).persist()  # published, collected, and looked up in
        run.publish(ids, VOCABULARIES)
    own = ids.where(F.col("since") <= F.lit(run.ds))
    told = counts.transform(lambda c: shares(c, own, rows)).orderBy("field").collect()
    run.tell(
        unknown={row["field"]: round(row["unknown"], 4) for row in told},
        hashed={row["field"]: round(row["hashed"], 4) for row in told},
    )
    used = own.join(F.broadcast(counts.select("field").distinct()), "field", "left_semi")
    found = vocabularies(used.select("field", "value", "id").toArrow())
    ids.unpersist()
    return found


def _tell_left_out(run: Run, encoding: Encoding) -> None:
    there = {field.column for field in encoding.fields}
    left_out = [f for f in declared(run.config.features.fields) if f.column not in there]
    run.tell(left_out=[f"{field.source}.{field.name}" for field in left_out])


def _write(
    run: Run, rows: DataFrame, deals: Sequence[Deal], draft: Encoding, encoding: Encoding
) -> None:
    files = run.store.files
    staging = f"{run.store.root}/_staging/training/{run.ds.isoformat()}"
    files.delete(staging)
    try:
        for deal in deals:
            groups = row_groups(rows, deal, draft, encoding)
            write_split(files, groups, deal, f"{staging}/{deal.split}")
        files.write_json(f"{staging}/{INPUTS}", json.loads(encoding.inputs.to_json()))
        for name, content in encoding.files().items():
            files.write_bytes(f"{staging}/{FOLDER}/{name}", content)
        if not run.dry_run:
            files.put_in_place(staging, folder(run))
    finally:
        files.delete(staging)
    run.tell(row_groups={deal.split: deal.groups for deal in deals})


def write_split(files: Files, groups: DataFrame, deal: Deal, path: str) -> None:
    """Writes a split as part-00000.parquet on, a file a group, and checks what was written.

    groups: as `row_groups`. Raises DataQualityError where the footers do not tell what was dealt.
    """
    written = f"{path}/_written"
    groups.write.option("parquet.block.size", ROW_GROUP_BYTES).parquet(written)
    found = [file for file in files.entries(written) if file.name.endswith(".parquet")]
    for n, file in enumerate(found):
        files.rename(file.path, f"{path}/part-{n:05d}.parquet")
    files.delete(written)
    check_row_groups(groups.sparkSession, files, deal, path)


def check_row_groups(spark: SparkSession, files: Files, deal: Deal, path: str) -> None:
    """Raises DataQualityError unless each file has one row group, of the rows dealt to it."""
    parts = [file for file in files.entries(path) if file.name.endswith(".parquet")]
    told = contents(spark, [file.path for file in parts]).mapInArrow(_footers, _FOOTER).collect()
    # Files read by their content come in another order: only the sizes are compared then.
    found = sorted(tuple(row) for row in told)
    expected = sorted((1, size) for size in deal.sizes())
    if found != expected:
        wrong = [footer for footer in found if footer not in expected][:3]
        raise DataQualityError(
            f"{path}: expected {deal.groups} files of one row group each with "
            f"{min(deal.sizes())} to {max(deal.sizes())} rows, {deal.rows} in all; found "
            f"{len(found)} files with {sum(rows for _, rows in found)} rows, among them (row "
            f"groups, rows) {wrong}; lower samples.rows_a_group"
        )


def _footers(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for path, content in zip(batch.column("path"), batch.column("content"), strict=True):
            source = pa.BufferReader(content.as_buffer()) if content.is_valid else path.as_py()
            footer = pq.read_metadata(source)
            yield pa.RecordBatch.from_arrays(
                [pa.array([footer.num_row_groups], pa.int32()), pa.array([footer.num_rows])],
                ["groups", "rows"],
            )
