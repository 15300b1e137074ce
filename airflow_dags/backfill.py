"""Past days, by hand: one job or whole nights, day after day."""

from airflow.sdk import DAG, Param
from nightshelf_run import TRAINS_NIGHTLY, parameters
from nightshelf_tasks import NightshelfJob, shared

JOBS = (
    "nightly",
    "ingest",
    "score_reviews",
    "build_item_text",
    "build_item_cf",
    "build_features",
    "build_samples",
    "check_drift",
    "train_towers",
    "train_ctr",
    "recommend",
    "train_text",
    "build_search_index",
    "rank_search",
    "analyse_behaviour",
    "evaluate",
    "report",
)

with DAG(
    "nightshelf_backfill",
    description="Runs a job, or whole nights, for a range of past days",
    doc_md=(
        "Days run one after the other, oldest first. Clear the task, or trigger the same range "
        "again, and it goes on with the first day that is not done."
    ),
    schedule=None,
    params={
        "job": Param("nightly", enum=list(JOBS), title="Job", description="nightly: whole nights."),
        "ds_from": Param(type="string", format="date", title="First day"),
        "ds_to": Param(type="string", format="date", title="Last day"),
        "train": Param(
            TRAINS_NIGHTLY, type="boolean", title="Train",
            description="Of whole nights. No: each ranks by the models that were in use then.",
        ),
        **parameters(k=True),
    },
    **shared(),
):  # fmt: skip
    NightshelfJob(
        job="backfill",
        arguments=(
            *("--job", "{{ params.job }}"),
            *("--ds-from", "{{ params.ds_from }}"),
            *("--ds-to", "{{ params.ds_to }}"),
            "{{ '--train' if params.train else '--no-train' }}",
        ),
        dated=False,
        execution_timeout=None,
    )
