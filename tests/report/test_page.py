"""The page and its plots: what they hold, and that nothing in them is taken for markup."""

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from nightshelf.report.page import Note, Page, Plot, Section, Shopper, Shown, Table, rendered
from nightshelf.report.plots import Line, bars, curve, heat, intervals, lines

DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(3)]
HOSTILE = "<script>alert(1)</script> & {{ 7 * 7 }} $1_$5"


class Tags(HTMLParser):
    """Counts elements, and gathers what links lead to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("href", "src", "xlink:href"):
                self.links.append(str(value))
            if name == "id":
                self.ids.append(str(value))


@pytest.fixture(scope="module")
def page() -> str:
    band = [0.1, float("nan"), 0.3]
    plots = [
        lines("a", HOSTILE, [Line(HOSTILE, DAYS, band, band, band), Line("b", DAYS, [1, 2, 3])]),
        curve("b", "ROC", [0, 0.5, 1], [0, 0.9, 1], ("x", HOSTILE)),
        bars("c", "Seconds", {HOSTILE: 1.0, "b": 2.0}),
        intervals("d", "By segment", [("all", 0.2, 0.1, 0.3), (HOSTILE, 0.1, np.nan, np.nan)]),
        heat("e", "Who comes back", ["w", HOSTILE], ["0", "1"], np.array([[1, 0.5], [1, np.nan]])),
    ]
    blocks = [
        *(Plot(plot, HOSTILE) for plot in plots),
        Table(HOSTILE, ["a", HOSTILE], [[HOSTILE, "1"]], frozenset({1})),
        Note(HOSTILE, is_alarm=True),
        Shopper(HOSTILE, [HOSTILE], [Shown(HOSTILE, HOSTILE, "1", "https://shop/p.png")]),
        Shopper("new", [], []),
    ]
    return rendered(Page(HOSTILE, [("k", HOSTILE)], [Section("all", HOSTILE, blocks)]))


def test_nothing_told_becomes_markup(page: str) -> None:
    found = Tags(page)
    assert "script" not in found.tags
    assert "49" not in re.sub(r"[\d.-]{3,}", "", page)
    assert found.tags.count("svg") == 5
    assert page.count("&lt;script&gt;") >= 15


def test_the_page_needs_nothing_but_pictures(page: str) -> None:
    found = Tags(page)
    outside = {link for link in found.links if not link.startswith("#")}
    assert outside == {"https://shop/p.png"}
    assert "url(http" not in page
    assert "@import" not in page
    assert len(found.ids) == len(set(found.ids))


def test_plots_take_the_colours_of_the_page(page: str) -> None:
    assert "#0101" not in page
    assert "var(--series-2)" in page
    assert "currentColor" in page


def test_plots_are_the_same_every_time() -> None:
    one, two = (bars("c", "Seconds", {"a": 1.0}) for _ in range(2))
    assert one == two


def drawn(svg: str, kind: str) -> int:
    """How many collections of the kind have something to show."""
    found = re.findall(rf'<g id="\w+-{kind}_\d+">(.*?)</g>', svg, flags=re.DOTALL)
    return sum("<path" in group or "<use" in group for group in found)


def test_a_day_by_itself_has_a_bar_for_its_band() -> None:
    nan = float("nan")

    def shown(values: list[float]) -> tuple[int, int]:
        svg = lines("a", "A", [Line("a", DAYS, values, values, [value + 1 for value in values])])
        return drawn(svg, "FillBetweenPolyCollection"), drawn(svg, "LineCollection")

    assert shown([1, 2, nan]) == (1, 0)
    assert shown([1, nan, 2])[1] == 1
    assert shown([nan, 2, nan])[1] == 1


def test_a_point_without_bounds_is_open() -> None:
    nan = float("nan")
    exact = intervals("a", "A", [("a", 0.2, 0.2, 0.2)])
    unknown = intervals("a", "A", [("a", 0.2, nan, nan)])
    assert (drawn(exact, "LineCollection"), drawn(unknown, "LineCollection")) == (1, 0)
    assert ("fill-opacity: 0" in exact, "fill-opacity: 0" in unknown) == (False, True)


def test_no_plot_but_one_of_many_columns_is_wider_than_a_phone() -> None:
    few, many = (
        heat("a", "A", ["one"], [str(n) for n in range(weeks)], np.ones((1, weeks)))
        for weeks in (12, 26)
    )
    for svg, is_wide in ((few, False), (many, True), (bars("a", "A", {"a": 1.0}), False)):
        [least] = re.findall(r"min-width: (\d+)px", svg)
        assert (int(least) > 390 - 2 * 16, 'class="wide"' in svg) == (is_wide, is_wide)


def test_long_names_of_series_stand_in_two_lines() -> None:
    def lines_of(*names: str) -> int:
        svg = lines("a", "A", [Line(name, DAYS, [1, 2, 3]) for name in names])
        found = {name: re.search(rf'<text [^>]*y="([\d.]+)"[^>]*>{name}<', svg) for name in names}
        return len({place[1] for place in found.values() if place})

    assert lines_of("one", "two", "three") == 1
    assert lines_of("items on any list", "pairs of two categories", "unevenness of items") == 2


def test_a_tall_plot_is_printed_at_its_size() -> None:
    tall = intervals("a", "A", [(f"segment {n}", 0.2, 0.1, 0.3) for n in range(40)])
    html = rendered(Page("p", [], [Section("all", "All", [Plot(tall, "A")])]))
    [limit] = re.findall(r"figure svg \{ max-height: (\d+)cm", html)
    [points] = re.findall(r'<svg viewBox="0 0 [\d.]+ ([\d.]+)"', html)
    assert float(points) / 72 * 2.54 <= float(limit) <= 29.7 - 2 * 2  # a sheet within its margins
