"""What stands on the screen."""

from io import StringIO

from rich.console import Console

from nightshelf.jobs.show import show_evaluation
from tests.conftest import Frame

ROWS = (
    "metric string, model string, source string, segment string, value double, low double, "
    "high double, n bigint"
)


def test_how_many_is_told_of_our_own_lists(frame: Frame) -> None:
    rows = frame(ROWS, [
        ("gauc@10", "item_cf", "all", "all", 0.5, None, None, 11),
        ("gauc@10", "nightshelf", "all", "all", 0.6, 0.5, 0.7, 1222),
        ("auc", "item_cf", "all", "all", 0.55, None, None, 13),
        ("auc", "nightshelf", "all", "all", None, None, None, 0),
        ("recall@10", "nightshelf", "cf", "all", 0.9, None, None, 14),
    ])  # fmt: skip
    screen = StringIO()
    show_evaluation(rows, 10, "nightshelf", Console(file=screen, width=120))
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in screen.getvalue().replace("┃", "│").splitlines()
        if "│" in line or "┃" in line
    ]
    assert cells == [
        ["metric", "nightshelf", "item_cf", "of"],
        ["gauc@10", "0.6000 [0.5000, 0.7000]", "0.5000", "1,222"],
        ["auc", "", "0.5500", ""],
    ]
