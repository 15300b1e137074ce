"""What a step's end looks like on a terminal."""

import pytest

from nightshelf.runs.logs import configure, logger


def test_below_a_steps_line_stands_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    configure("plain", "info")
    told = {"step": "build_samples", "rows_in": 1_200, "rows_out": 3, "seconds": 4.0}
    fields = [f"user.field_{n}" for n in range(9)]
    logger().info("step", **told, status="done", samples=12_000, left_out=fields)
    line, *found = capsys.readouterr().err.splitlines()
    assert line == "build_samples           1,200 rows in            3 rows out      4.0 s"
    assert [one[:17].strip() for one in found] == [""] * len(found)
    assert " ".join(one.strip() for one in found) == f"samples=12,000 left_out={fields}"
    assert all(len(one) <= 100 for one in found)
    logger().info("step", **told, status="dry-run")
    assert capsys.readouterr().err.endswith(" s  (dry run)\n")
    logger().info("step", step="report", status="skipped", why="nothing to do")
    assert capsys.readouterr().err == "report           skipped: nothing to do\n"
