"""Simulate a shop: its deliveries under <root>/shop, the truth behind under <root>/shop_truth."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS
from nightshelf.config import SimulateConfig
from nightshelf.config.shop import FOLDER, TRUTH_FOLDER
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.simulate import frames
from nightshelf.simulate.rows import expected_rows
from nightshelf.simulate.truth import truth

ROWS_A_FILE = 2_000_000


def run(run: Run) -> None:
    """Makes the whole shop, unless the same one is there already."""
    config, files, root = run.config.simulate, run.store.files, run.store.root
    told = config.model_dump(mode="json")
    marker = f"{root}/{FOLDER}/_shop.json"
    if files.read_json(marker) == told:
        raise Skipped(f"the same shop is there already, under {root}/{FOLDER}")
    files.delete(f"{root}/{FOLDER}")
    files.delete(f"{root}/{TRUTH_FOLDER}")
    cores = run.spark.sparkContext.defaultParallelism
    shop = {
        "events": _spread(frames.events(run.spark, config, 4 * cores), config),
        "items": frames.items(run.spark, config).coalesce(1),
        "users": frames.users(run.spark, config).coalesce(1),
        "reviews": frames.reviews(run.spark, config, 4 * cores).coalesce(cores),
    }
    for name, frame in shop.items():
        writer = frame.write.partitionBy(DS) if name == "events" else frame.write
        writer.parquet(f"{root}/{FOLDER}/{name}")
    for name, frame in truth(run.spark, config, 4 * cores).items():
        frame.coalesce(cores).write.parquet(f"{root}/{TRUTH_FOLDER}/{name}")
    run.rows_out = run.spark.read.parquet(f"{root}/{FOLDER}/events").count()
    files.write_json(marker, told)


def _spread(events: DataFrame, config: SimulateConfig) -> DataFrame:
    """Some files a day, not one for each day and task."""
    files_a_day = 1 + expected_rows(config) // config.days // ROWS_A_FILE
    return events.repartition(
        config.days * files_a_day, DS, F.pmod(F.hash("user_id"), F.lit(files_a_day))
    )


JOB = Job("simulate_shop", run)
main = single(JOB)
