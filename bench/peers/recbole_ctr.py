"""RecBole's DeepFM and DCNV2: one run, told as `ctr_run` says.

Model, trainer and loaders are RecBole's own. Settings beside the common ones go to its
configuration as they are, such as `weight_decay` (of all weights, by Adam), `reg_weight`,
`cross_layer_num` and `structure` of dcn_v2; what is not said keeps RecBole's default.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ctr_data import LABEL, SPLITS
from ctr_run import COMMON, Clock, Run, asked, carried_out, tell
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model, init_seed

NAME = "set"
MODELS = {"deepfm": "DeepFM", "dcn_v2": "DCNV2"}


class TimedTrainer(Trainer):
    """RecBole's trainer, the epochs of training timed."""

    def __init__(self, config: Config, model: torch.nn.Module) -> None:
        super().__init__(config, model)
        self.training = Clock()

    def _train_epoch(self, *args: Any, **told: Any) -> Any:
        with self.training.timed():
            return super()._train_epoch(*args, **told)


def write_atomic(run: Run, folder: Path) -> None:
    """The splits as RecBole's atomic files, all fields tokens."""
    folder.mkdir()
    for split in SPLITS:
        frame = run.rows[split]
        kinds = {name: "float" if name == LABEL else "token" for name in frame.columns}
        frame = frame.rename(columns={name: f"{name}:{kind}" for name, kind in kinds.items()})
        frame.to_csv(folder / f"{NAME}.{split}.inter", sep="\t", index=False)


def config_of(run: Run, root: Path) -> Config:
    """RecBole's configuration of the run."""
    told = run.settings
    own = {name: value for name, value in told.items() if name not in {*COMMON, "model"}}
    fixed = {
        "data_path": str(root),
        "checkpoint_dir": str(root / "saved"),
        "benchmark_filename": list(SPLITS),
        "load_col": {"inter": [*run.sizes, LABEL]},
        "LABEL_FIELD": LABEL,
        "threshold": None,
        "train_neg_sample_args": None,
        "eval_args": {"mode": "labeled"},
        "metrics": ["AUC", "LogLoss"],
        "valid_metric": "AUC",
        "metric_decimal_place": 6,
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
        "seed": told["seed"],
        "embedding_size": told["embedding"],
        "learning_rate": told["learning_rate"],
        "mlp_hidden_size": list(told["hidden"]),
        "dropout_prob": told["dropout"],
        "train_batch_size": told["batch_size"],
        "eval_batch_size": told["batch_size"],
        "epochs": told["epochs"],
        "stopping_step": told["patience"] - 1,  # it stops when a count is above this
    }
    return Config(model=MODELS[told["model"]], dataset=NAME, config_dict={**fixed, **own})


@torch.no_grad()
def scores_of(model: torch.nn.Module, data: Any, size: int) -> np.ndarray:
    """The probabilities of a loader's rows in their order."""
    model.eval()
    rows = data.dataset.inter_feat
    parts = [model.predict(rows[start : start + size]) for start in range(0, len(rows), size)]
    return torch.cat(parts).numpy()


def main() -> None:
    """Trains, judges, and prints."""
    run = asked()
    torch.set_num_threads(run.settings["threads"])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.chdir(root)  # it logs into the current folder
        write_atomic(run, root / NAME)
        config = config_of(run, root)
        init_seed(config["seed"], config["reproducibility"])
        train, valid, test = data_preparation(config, create_dataset(config))
        init_seed(config["seed"], config["reproducibility"])
        model = get_model(config["model"])(config, train.dataset)
        trainer = TimedTrainer(config, model)
        valid_auc, _ = trainer.fit(train, valid, verbose=False, saved=True)
        # RecBole's own loading is refused by newer torch: its checkpoints hold more than tensors.
        kept = torch.load(trainer.saved_model_file, weights_only=False)
        model.load_state_dict(kept["state_dict"])
        scores = scores_of(model, test, run.settings["batch_size"])
        os.chdir("/")
    tell(
        run,
        scores,
        valid_auc=valid_auc,
        epochs=len(trainer.train_loss_dict),
        seconds=trainer.training.seconds,
    )


if __name__ == "__main__":
    carried_out(main)
