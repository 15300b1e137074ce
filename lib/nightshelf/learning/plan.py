"""Which rank reads which rows, in how many steps: equal for all ranks, each row once an epoch.

A training set is a folder of Parquet files of one row group each. The n-th file, by name, goes to
rank n modulo the ranks: Petastorm's own rule. A rank that ran out of rows before the others would
leave them waiting for its gradients forever; so all take as many steps as the one with most rows
needs, and each cuts its own rows into so many batches, of sizes that differ by at most one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.parquet as pq

from nightshelf.errors import DataQualityError
from nightshelf.learning.storage import Folder

_SUMMARIES = ("_common_metadata", "_metadata")


@dataclass(frozen=True)
class Plan:
    """The rows of each rank, and the steps that each takes an epoch."""

    rank_rows: tuple[int, ...]
    steps: int

    @property
    def rows(self) -> int:
        """All rows of an epoch."""
        return sum(self.rank_rows)

    def sizes(self, rank: int) -> Iterator[int]:
        """The rank's batch sizes, one a step."""
        for step in range(self.steps):
            yield self.size(rank, step)

    def size(self, rank: int, step: int) -> int:
        """The rank's rows in one step."""
        rows = self.rank_rows[rank]
        return rows * (step + 1) // self.steps - rows * step // self.steps

    def all_sizes(self, step: int) -> int:
        """The rows of all ranks in one step."""
        return sum(self.size(rank, step) for rank in range(len(self.rank_rows)))


def group_rows(folder: Folder) -> list[int]:
    """The rows of each file, by name, as their footers tell.

    Raises DataQualityError for a folder without files, one that holds a summary file, whose
    pickled schema Petastorm would load and run, and a file of several row groups.
    """
    names = folder.names()
    if planted := [name for name in _SUMMARIES if name in names]:
        raise DataQualityError(
            f"{folder.uri}: expected Parquet files only, found {planted[0]}, of which a reader "
            "would unpickle the schema; remove it, or build the samples again"
        )
    files = [name for name in names if name.endswith(".parquet")]
    if not files:
        raise DataQualityError(f"{folder.uri}: no Parquet files; run build_samples first")
    rows = []
    for name in files:
        with folder.open(name) as file:
            footer = pq.read_metadata(file)
        if footer.num_row_groups != 1:
            raise DataQualityError(
                f"{folder.uri}/{name}: expected one row group, found {footer.num_row_groups}; "
                "build the samples again"
            )
        rows.append(footer.num_rows)
    return rows


def planned(groups: list[int], ranks: int, batch_rows: int) -> Plan:
    """The plan of an epoch in steps of at most `batch_rows` rows over all ranks.

    Raises DataQualityError where there are fewer row groups than ranks, or a rank would be left
    without a row in some step.
    """
    if len(groups) < ranks:
        raise DataQualityError(
            f"the training set has {len(groups)} row groups for {ranks} ranks; set ctr.ranks "
            "or samples.rows_a_group lower, and build the samples again"
        )
    rank_rows = tuple(sum(groups[rank::ranks]) for rank in range(ranks))
    share = max(1, batch_rows // ranks)
    steps = -(-max(rank_rows) // share)
    if min(rank_rows) < steps:
        raise DataQualityError(
            f"the ranks' shares of the training set are too unequal: from {min(rank_rows)} rows to "
            f"{max(rank_rows)}, in {steps} steps; build the samples again"
        )
    return Plan(rank_rows, steps)
