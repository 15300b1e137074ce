"""Reviews -> how pleased each is, and with what: silver.reviews -> gold.review_scores."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshelf.columns import DS, MODEL_ID, REVIEW, REVIEW_TS, TEXT
from nightshelf.jobs.reviews import OpinionModel, known_scores, opinion_model, rated
from nightshelf.jobs.texts import day_before
from nightshelf.runs import Job, Run, Skipped
from nightshelf.runs.cli import single
from nightshelf.tables import REVIEW_SCORES, SILVER_REVIEWS
from nightshelf.text import sentiment
from nightshelf.text.reviews import scored
from nightshelf.text.sentiment import Opinions, Sentiment


def run(run: Run) -> None:
    """Scores the reviews that have no score of the model yet, which is learnt first if it must."""
    config = run.config.reviews
    if not config.enabled:
        raise Skipped("reviews.enabled is false")
    if run.store.version(SILVER_REVIEWS) is None:
        raise Skipped("the shop tells no reviews")
    told = rated(run)
    found = told.count()
    model = opinion_model(run, found)
    if model is None:
        raise Skipped(
            f"{found} reviews rated as plainly pleased or displeased, fewer than "
            f"reviews.min_rated ({config.min_rated})"
        )
    learnt = model.learnt() or _learnt(run, model, told)
    auc = learnt.told["auc"]
    if not auc >= config.min_auc:
        raise Skipped(
            f"the texts of {model.learnt_from} reviews do not tell their ratings: AUC {auc:.3f} of "
            f"those held out, less than reviews.min_auc ({config.min_auc})"
        )
    _score(run, model, Opinions(learnt, model.aspects))
    run.tell(review_model=model.model_id, auc=round(auc, 4))


def _learnt(run: Run, model: OpinionModel, told: DataFrame) -> Sentiment:
    earliest = told.orderBy(REVIEW_TS, REVIEW).limit(model.learnt_from).select(TEXT, "pleased")
    found = earliest.toArrow()
    learnt = sentiment.fit(found.column(TEXT).to_pylist(), found.column("pleased").to_pylist())
    if not run.dry_run:
        learnt.save(model.folder)
    return learnt


def _score(run: Run, model: OpinionModel, judge: Opinions) -> None:
    reviews = run.read(SILVER_REVIEWS, until=run.ds)
    made = known_scores(run, model, day_before(run))
    rows = reviews.join(made, REVIEW, "left_anti").transform(scored(judge))
    told = {MODEL_ID: F.lit(model.model_id), DS: F.lit(run.ds)}
    run.rows_in = run.publish(
        rows.withColumns(told).select(*REVIEW_SCORES.schema.names), REVIEW_SCORES
    )
    run.tell(scored=run.rows_in)


JOB = Job("score_reviews", run, writes=(REVIEW_SCORES,))
main = single(JOB)
