"""What the pages name is there: commands and their options, keys, files, headings."""

import ast
import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest

from nightshelf.config import load
from tests.docs.pages import PAGES, ROOT, Block, anchors, blocks, commands, links

JOB = re.compile(r"(?:^|[\s/])jobs/(\w+)\.py(.*)")
MAKE = re.compile(r"^make ([\w-]+)(.*)")
SCRIPT = re.compile(r"\bscripts/[\w.]+")
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
SHELL = blocks("sh")


def every(pattern: re.Pattern[str]) -> list[tuple[str, re.Match[str]]]:
    """Where each command stands that the pattern finds, and what it found."""
    told = [(f"{block}: {command}", command) for block in SHELL for command in commands(block)]
    return [(where, found) for where, command in told if (found := pattern.search(command))]


def test_there_are_commands() -> None:
    assert len(every(JOB)) > 15
    assert len(every(MAKE)) > 5


@pytest.mark.parametrize("told", every(JOB), ids=lambda told: told[0])
def test_a_job_knows_the_options(
    told: tuple[str, re.Match[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, rest = told[1].groups()
    assert (ROOT / "jobs" / f"{job}.py").exists()
    given = re.sub(r"--conf-file \S+|\|\|.*", "", rest.replace("[", "").replace("]", ""))
    given = re.sub(r"\$\(date [^)]+\)", "2026-11-24", given.replace("STEP", "recommend"))
    monkeypatch.setattr(sys, "argv", [f"{job}.py", *shlex.split(given), "--print-config"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"nightshelf.jobs.{job}").main()
    assert not ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize("told", every(MAKE), ids=lambda told: told[0])
def test_make_knows_the_target(told: tuple[str, re.Match[str]]) -> None:
    target, rest = told[1].groups()
    assert target in TARGETS
    given = dict(word.split("=", 1) for word in shlex.split(rest))
    assert set(given) <= {"CONF", "DS", "UNTIL", "SET", "PORT", "GPU"}
    load(None, given.get("SET", "").split())


@pytest.mark.parametrize("told", every(SCRIPT), ids=lambda told: told[0])
def test_a_script_is_there(told: tuple[str, re.Match[str]]) -> None:
    assert (ROOT / told[1][0]).exists()


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_keys_are_known(block: Block, tmp_path: Path) -> None:
    conf = tmp_path / "conf.yaml"
    conf.write_text(block.text)
    assert load(str(conf), ()) != load(None, ())


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_is_python(block: Block) -> None:
    text = block.text
    assert ast.parse(f"{{{text}}}" if re.match(r'^"\w+": ', text) else text).body


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link
