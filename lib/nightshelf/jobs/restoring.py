"""An earlier model is used again from a day on: one row more in ops.models."""

from datetime import UTC, date, datetime

from pyspark.sql import DataFrame, Row

from nightshelf.columns import DS, MODEL_ID, RUN_ID
from nightshelf.errors import ConfigError, MissingInputError
from nightshelf.ranking.registry import (
    RESTORED,
    files_of,
    in_use,
    kind_of,
    located,
    nearest,
    newest_first,
)
from nightshelf.runs import Run, Skipped
from nightshelf.runs.logs import logger
from nightshelf.tables import OPS_MODELS


def restore_model(run: Run, model_id: str) -> None:
    """Makes the model the one of its kind in use from ds on, until another is promoted.

    Raises ConfigError for an unknown model and for one that learnt from days after ds,
    MissingInputError where its files are gone.
    """
    models = run.read(OPS_MODELS)
    run.rows_in = models.count()
    trained = _trained(run, models, model_id)
    kind = kind_of(trained)
    current = in_use(models, run.ds, kind)
    if current is not None and current[MODEL_ID] == model_id:
        raise Skipped(f"{model_id} is in use on {run.ds} already")
    replaced = current[MODEL_ID] if current else "no model"
    row = trained.asDict() | {
        RUN_ID: run.run_id,
        DS: run.ds,
        "status": RESTORED,
        "why": f"restored by hand in place of {replaced}; it had been {trained['status']}",
        "told_at": datetime.now(UTC),  # tells decisions of one day apart
    }
    if not run.dry_run:
        run.store.append_row([row[column.name] for column in OPS_MODELS.columns], OPS_MODELS)
    run.rows_out = 1
    _tell(run, models, trained, replaced)


def _trained(run: Run, models: DataFrame, model_id: str) -> Row:
    """The row of the model's newest training, once it is certain that it can rank on ds."""
    own = models.where((models[MODEL_ID] == model_id) & (models["status"] != RESTORED))
    rows = own.orderBy(*newest_first()).limit(1).collect()
    if not rows:
        raise ConfigError(
            f"--model {model_id}: no such model in {OPS_MODELS.name}; nearest known: "
            f"{', '.join(nearest(model_id, _known(models)))} (jobs/models.py lists all)"
        )
    trained = rows[0]
    if trained[DS] > run.ds:
        raise ConfigError(
            f"--model {model_id}: it learnt from days up to {trained[DS]}, after --ds {run.ds}; "
            "give a later day or an earlier model"
        )
    folder = located(trained["path"], run.store.root)
    missing = [
        name
        for name in files_of(kind_of(trained))
        if not run.store.files.exists(f"{folder}/{name}")
    ]
    if missing:
        raise MissingInputError(
            f"--model {model_id}: {' and '.join(missing)} not found in {folder}; bring them back "
            "from a copy, or choose another model"
        )
    return trained


def _known(models: DataFrame) -> list[str]:
    """Every model's id, the newest first."""
    ids = models.orderBy(*newest_first()).select(MODEL_ID).toArrow()[MODEL_ID]
    return list(dict.fromkeys(ids.to_pylist()))


def _tell(run: Run, models: DataFrame, restored: Row, replaced: str) -> None:
    event = "would be in use" if run.dry_run else "in use"
    since = run.ds.isoformat()
    logger().info(f"{event} from {since} on", model=restored[MODEL_ID], instead_of=replaced)
    later = in_use(models, date.max, kind_of(restored))
    if later is not None and later[DS] > run.ds:
        logger().warning(
            f"from {later[DS]} on a later decision stands; give that day to change it",
            model=later[MODEL_ID],
        )
