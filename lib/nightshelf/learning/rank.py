"""What each rank of a training job runs."""

import json
import warnings
from typing import Any, Final, Literal, Protocol

from nightshelf.errors import NightshelfError
from nightshelf.learning import progress
from nightshelf.learning.distributed import HorovodRanks, Ranks, see_own_gpu
from nightshelf.learning.storage import Folder

FAILURE: Final = "failure.json"


class Settings(Protocol):
    """What the ranks of a training are started with: threads of each, how gradients travel."""

    @property
    def threads(self) -> int:
        """Of a rank."""

    @property
    def compression(self) -> Literal["none", "fp16"]:
        """Of the gradients."""


class Work(Protocol):
    """A training job; it travels to its ranks, so it has to pickle.

    out: the URI of the folder that the model will lie in.
    """

    @property
    def out(self) -> str:
        """The folder."""

    @property
    def settings(self) -> Settings:
        """How it is trained."""

    def __call__(self, ranks: Ranks, /) -> dict[str, Any]:
        """What a rank does; tells how it went, the same on every rank."""


def as_rank(work: Work) -> dict[str, Any]:
    """Runs on every rank under Horovod; rank 0's result tells how it went.

    An error that an operator can act on is left in `failure.json` for the driver.
    """
    warnings.simplefilter("ignore")  # nobody reads a rank's screen
    out = Folder(work.out)
    try:
        see_own_gpu()
        ranks = HorovodRanks(half=work.settings.compression == "fp16")
        if ranks.rank == 0:
            ranks.life = progress.Life(out)
        progress.sign_in(out, ranks.rank)
        return work(ranks)
    except NightshelfError as error:
        told = {"kind": type(error).__name__, "message": str(error)}
        out.write(FAILURE, json.dumps(told).encode())
        raise
