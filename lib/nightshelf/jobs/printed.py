"""What the jobs' tables on the screen have in common."""

from collections.abc import Container

from rich.table import Table


def grid(title: str, *names: str, numbers: Container[str] = ()) -> Table:
    """An empty table under a title: a column a name, those of `numbers` to the right.

    Long cells go on in the next line, so that nothing is cut off in a narrow window.
    """
    empty = Table(title=title, title_justify="left")
    for name in names:
        empty.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return empty
