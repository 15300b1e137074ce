"""Report: what the tables tell of the night of ds -> <root>/report/<ds>.html."""

from pyspark.sql import functions as F

from nightshelf.columns import MODEL_ID, RANK
from nightshelf.jobs.past_runs import last_runs
from nightshelf.jobs.sections.behaviour import shoppers_do
from nightshelf.jobs.sections.moved import what_moved
from nightshelf.jobs.sections.nights import data_in, gates, steps
from nightshelf.jobs.sections.quality import Judged, breadth, for_whom, over_time, scores
from nightshelf.jobs.sections.shoppers import examples
from nightshelf.report.page import Page, Section, rendered
from nightshelf.runs import Job, Run
from nightshelf.runs.cli import single
from nightshelf.tables import GOLD_RECOMMENDATIONS


def run(run: Run) -> None:
    """Writes the page, in place of an earlier one of the day."""
    judged, ran = Judged(run), last_runs(run)
    sections = [
        gates(run),
        over_time(judged),
        examples(run),
        *_of_judged(judged),
        what_moved(run, ran),
        shoppers_do(run, ran),
        data_in(run, ran),
        steps(run, ran),
    ]
    page = Page(f"Nightshelf, the night of {run.ds}", _facts(run, judged), sections)
    content = rendered(page).encode()
    path = report_path(run)
    if not run.dry_run:
        run.store.files.write_bytes(path, content)
    run.rows_out = 1
    run.tell(page=path, kilobytes=len(content) // 1024)


def _of_judged(judged: Judged) -> list[Section]:
    """What else the newest day that was judged tells; `over_time` says why there is none."""
    if judged.day is None:
        return []
    return [
        for_whom(judged, judged.day),
        scores(judged, judged.day),
        breadth(judged),
    ]


def report_path(run: Run) -> str:
    """Where the page of the run's day lies."""
    return f"{run.store.root}/report/{run.ds.isoformat()}.html"


def _facts(run: Run, judged: Judged) -> list[tuple[str, str]]:
    facts = [("business date", run.ds.isoformat())]
    if run.store.has(GOLD_RECOMMENDATIONS, run.ds):
        lists = run.read(GOLD_RECOMMENDATIONS, on=run.ds).where(F.col(RANK) == 1)
        told = lists.agg(F.count("*").alias("users"), F.first(MODEL_ID).alias("model")).collect()[0]
        facts += [("lists published", f"{told['users']:,}"), ("ranked by", told["model"])]
    else:
        facts.append(("lists published", "none"))
    facts.append(("newest day judged", judged.day.isoformat() if judged.day else "none yet"))
    return facts


JOB = Job("report", run, places=("report",))
main = single(JOB)
