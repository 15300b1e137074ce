"""Some shoppers: what they chose lately, what they are shown and why."""

from typing import Final

from pyspark.sql import functions as F

from nightshelf.columns import ITEM, RANK, REASON, SCORE, TITLE, USER
from nightshelf.jobs.show import lately_chosen, shoppers_to_show
from nightshelf.report.page import Block, Note, Section, Shopper, Shown
from nightshelf.runs import Run
from nightshelf.tables import GOLD_RECOMMENDATIONS, SILVER_ITEMS
from nightshelf.tables.as_of import items_as_of

ROWS: Final = 8


def examples(run: Run) -> Section:
    """Those with the most to show of item-CF."""
    title = "Some shoppers"
    if not run.store.has(GOLD_RECOMMENDATIONS, run.ds):
        return Section("shoppers", title, [Note(f"No lists of {run.ds} were published.", True)])
    lists = run.read(GOLD_RECOMMENDATIONS, on=run.ds)
    items = run.read(SILVER_ITEMS).transform(items_as_of(run.ds))
    chosen = shoppers_to_show(lists)
    rows = (
        lists.where(F.col(USER).isin(*chosen) & (F.col(RANK) <= ROWS))
        .join(items.select(ITEM, TITLE, "image_url"), ITEM, "left")
        .orderBy(USER, RANK)
        .collect()
    )
    history = lately_chosen(run, chosen, items.select(ITEM, TITLE))
    blocks: list[Block] = [
        Shopper(
            user,
            history.get(user, []),
            [
                Shown(r[TITLE] or r[ITEM], r[REASON], f"{r[SCORE]:.3f}", _picture(r["image_url"]))
                for r in rows
                if r[USER] == user
            ],
        )
        for user in chosen
    ]
    return Section("shoppers", title, blocks or [Note("Nobody has a list of their own.")])


def _picture(url: str | None) -> str | None:
    return url if url and url.startswith(("https://", "http://")) else None
