"""What the pages tell to type and to read does what they say, on a small shop after two nights."""

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from nightshelf.tables import GOLD_RECOMMENDATIONS, SERVING_RECOMMENDATIONS
from tests.docs.pages import blocks, commands
from tests.jobs.conftest import PLAIN, Invoke, Shop

JOB = re.compile(r"^\S*(?:python|spark-submit) jobs/(\w+)\.py(.*)")
DAY, NEXT = "2026-11-23", "2026-11-24"
FOLLOWED = ("README.md", "metrics.md", "operating.md")


def lines(page: str) -> list[tuple[str, str]]:
    """The page's jobs with their arguments, without optional ones."""
    told = (c for block in blocks("sh") if block.page.name == page for c in commands(block))
    found = (JOB.match(re.sub(r"\[.*?\]", "", command)) for command in told)
    return [(match[1], match[2]) for match in found if match]


def filled(arguments: str, shop: Shop, runs: list[str]) -> list[str]:
    """The arguments with this shop's configuration, days, runs and a user of it."""
    days = sorted(set(re.findall(r"2026-\d\d-\d\d(?!-)", arguments)) - {DAY, NEXT})
    for day, own in zip(days, [DAY, NEXT][2 - len(days) :], strict=True):
        arguments = arguments.replace(day, own)
    arguments = re.sub(r"conf/\w+\.yaml", shop.conf, arguments)
    arguments = arguments.replace("RUN_ID", runs[0], 1).replace("RUN_ID", runs[1], 1)
    arguments = re.sub(r"2026-11-24-0123456789ab", runs[-1], arguments)
    return shlex.split(re.sub(r"\bID$", "u1", arguments))


@pytest.mark.slow
@pytest.mark.long
def test_the_pages_followed(invoke: Invoke, nights: Shop) -> None:
    conf = (*PLAIN, "--conf-file", nights.conf)
    assert invoke("recommend", *conf, "--ds", DAY).code == 0  # a second run of a day to compare
    assert invoke("recommend", *conf, "--ds", NEXT).code == 0
    history = nights.store.commits(GOLD_RECOMMENDATIONS)
    runs = [commit.manifest["run_id"] for commit in history if commit.manifest.get("run_id")]
    of_day = sorted({run for run in runs if run.startswith(DAY)})
    latest = next(run for run in runs if run.startswith(NEXT))
    followed = [line for page in FOLLOWED for line in lines(page)]
    assert {job for job, _ in followed} >= {
        "nightly", "evaluate", "compare", "report", "status", "rollback", "replay", "backfill",
        "maintain", "erase_user",
    }  # fmt: skip
    for job, arguments in followed:
        told = filled(arguments, nights, [*of_day, latest])
        if job == "evaluate":
            told = [DAY if word == NEXT else word for word in told]
        ended = invoke(job, *told, *PLAIN)
        assert ended.code == 0, (job, told, ended.lines)


def test_lists_are_read_as_the_readme_reads_them(
    nights: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(nights.folder)
    wanted = nights.store.read(SERVING_RECOMMENDATIONS).where("user_id = 'u1'").orderBy("rank")
    rows = [tuple(row) for row in wanted.select("rank", "item_id", "score", "reason").collect()]
    assert rows

    def own(text: str) -> str:
        return text.replace("'u7'", "'u1'")

    names: dict[str, Any] = {}
    read = [block for block in blocks("python") if block.page.name == "README.md"]
    arrow, duck = [_value_of(own(block.text), names) for block in read]
    found = zip(*(column.to_pylist() for column in arrow.columns), strict=True)
    assert list(found) == rows
    assert duck == rows
    (sql,) = (block for block in blocks("sql") if block.page.name == "README.md")
    query = own(sql.text).replace("`warehouse", f"`{Path(nights.folder)}/warehouse")
    assert [tuple(row) for row in nights.spark.sql(query).collect()] == rows


def _value_of(text: str, names: dict[str, Any]) -> Any:
    """Runs the code and gives the value of its last expression."""
    tree = ast.parse(text)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    exec(compile(tree, "README.md", "exec"), names)
    return eval(compile(ast.Expression(last.value), "README.md", "eval"), names)
