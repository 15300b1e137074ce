"""What a peer's run of a click model needs: its settings, the rows, and the line that it prints.

    python <peer>_ctr.py FOLDER '{"model": "deepfm", "embedding": 16, "seed": 1, ...}'

FOLDER is one that `ctr_data` has written. The last line printed is JSON: `auc` and `logloss` of
test and `valid_auc`, with the weights of the epoch that was best on valid; `epochs`, those run;
`rows_s`, training rows a second without the evaluation.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ctr_data import LABEL, SPLITS
from sklearn.metrics import log_loss, roc_auc_score

COMMON = {"embedding": 16, "learning_rate": 1e-3, "dropout": 0.0, "hidden": [400, 400, 400]}
COMMON |= {"batch_size": 4096, "epochs": 100, "patience": 2, "seed": 1, "threads": 1}


@dataclass(frozen=True)
class Run:
    """The rows by split, the number of ids of each field, and the settings."""

    rows: Mapping[str, pd.DataFrame]
    sizes: Mapping[str, int]
    settings: Mapping[str, Any]


@dataclass
class Clock:
    """Adds up the seconds of the blocks that it times."""

    seconds: float = field(default=0.0)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Times a block."""
        began = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - began


def asked() -> Run:
    """The run that the arguments ask for."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    # RecBole reads the arguments, too.
    del sys.argv[1:]
    rows = {split: pd.read_parquet(folder / f"{split}.parquet") for split in SPLITS}
    return Run(rows, json.loads((folder / "fields.json").read_text()), {**COMMON, **settings})


def tell(run: Run, scores: np.ndarray, *, valid_auc: float, epochs: int, seconds: float) -> None:
    """Prints the line; `scores` are the probabilities of the test rows."""
    labels = run.rows["test"][LABEL].to_numpy()
    scores = np.clip(np.asarray(scores, np.float64).ravel(), 1e-7, 1 - 1e-7)
    figures = {
        "auc": round(float(roc_auc_score(labels, scores)), 6),
        "logloss": round(float(log_loss(labels, scores)), 6),
        "valid_auc": round(float(valid_auc), 6),
        "epochs": epochs,
        "rows_s": round(epochs * len(run.rows["train"]) / seconds),
    }
    print(json.dumps(figures), flush=True)


def carried_out(main: Callable[[], None]) -> None:
    """Calls `main`; where the loss became NaN, prints the line of a model that knows nothing."""
    try:
        main()
    except (ValueError, RuntimeError) as error:
        told = str(error).lower()
        if not ("nan" in told or "between 0 and 1" in told):  # what torch says of NaN losses
            raise
        nothing = {"auc": 0.5, "logloss": 0.6931, "valid_auc": 0.0, "epochs": 0, "rows_s": 0}
        print(json.dumps({**nothing, "diverged": True}), flush=True)
