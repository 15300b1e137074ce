"""How well click models rank, ours beside FuxiCTR's and RecBole's: the same rows, the same tuning.

Writes results/ctr.json. Sets: those of `peers/ctr_data.py`, MovieLens 1M and Frappe. RecBole's
xDeepFM is left out: at 2,000 rows a second and core its tuning takes a day. Each model is tuned by
AUC on valid, one setting after another in the order of its axes, each value tried with the best
ones found so far and seed 1; training stops when valid AUC no longer rises, and the best epoch
counts. A run whose loss is no number counts as the worst. MovieLens is tuned on its first TUNED_ON
rows of train, and of valid and test as well, all of them shuffled. With what was chosen it is
trained on all rows by five seeds, and test AUC and log loss are told by mean and standard
deviation. `lead`: our best model's mean AUC less the best peer's, each chosen by the mean on valid.

A finished run is kept as a line in results/.cache/ctr.jsonl and not run again: the bench goes on
where it was stopped, on another machine, too. `places`: where the seeds were run; each side takes a
GPU where it finds one. `--help` tells how to try it in small.
"""

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from peers import ctr_data
from peers.environment import HERE as PEERS
from peers.environment import python_of, run_peer
from report import RESULTS, ROOT, machine, write

DATA = ROOT.parent / "shared" / "data"
CACHE = RESULTS / ".cache" / "ctr.jsonl"
SEEDS = 5
VERSION = 1
"""Another number where the rows or the scripts change what a run gives: all are run again."""

Settings = dict[str, Any]
Figures = dict[str, Any]
Run = Callable[[list[Settings]], list[Figures]]


@dataclass(frozen=True)
class Entrant:
    """A model of a side, what its tuning starts from, and what it tries, in this order."""

    side: str
    model: str
    start: Mapping[str, Any]
    axes: Mapping[str, tuple[Any, ...]]

    @property
    def name(self) -> str:
        """How it is called in the results."""
        return f"{self.side}.{self.model}"


COMMON = {"embedding": 16, "learning_rate": 1e-3, "dropout": 0.2, "hidden": [256, 128]}
COMMON |= {"batch_size": 4_096, "epochs": 100, "patience": 2}
TUNED_ON = {"ml_1m": 150_000}  # of 591,000
BY_SET = {"frappe": {"batch_size": 1_024}}  # 46,000 rows would be 12 steps an epoch
DECAYS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3)
RATES = {"learning_rate": (3e-4, 1e-3, 3e-3, 1e-2)}
TRIED = {"dropout": (0.0, 0.2, 0.5), "embedding": (10, 16, 32)}


def fuxictr(model: str, **more: tuple[Any, ...]) -> Entrant:
    """One of FuxiCTR's; its regulariser weighs all embeddings at each step."""
    axes = {"regulariser": (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1), **TRIED}
    return Entrant("fuxictr", model, {**COMMON, "regulariser": 1e-5}, {**RATES, **more, **axes})


def recbole(model: str, **more: tuple[Any, ...]) -> Entrant:
    """One of RecBole's; weight decay is Adam's, of all weights."""
    axes = {"weight_decay": DECAYS, **TRIED}
    return Entrant("recbole", model, {**COMMON, "weight_decay": 0.0}, {**RATES, **more, **axes})


def ours_of(model: str, **more: tuple[Any, ...]) -> Entrant:
    """One of ours; the rate is cut where FuxiCTR cuts it."""
    start = {**COMMON, "embedding_decay": 1e-5, "averaged_epochs": 5}
    start |= {"lazy": False, "schedule": "plateau"}
    axes = {"embedding_decay": (*DECAYS, 1e-2), **TRIED, "averaged_epochs": (1, 5, 10)}
    return Entrant("ours", model, start, {**RATES, **more, **axes})


NORM = ("none", "batch")
BATCH_NORM = (False, True)
ENTRANTS = (
    ours_of("deepfm", norm=NORM),
    ours_of("dcn_v2", norm=NORM, cross_layers=(2, 3)),
    ours_of("final_mlp", norm=NORM, heads=(1, 2)),
    fuxictr("deepfm", batch_norm=BATCH_NORM),
    fuxictr("dcn_v2", batch_norm=BATCH_NORM, cross_layers=(2, 3)),
    fuxictr("final_mlp", batch_norm=BATCH_NORM, heads=(1, 2), gates=([], ["user_id", "item_id"])),
    recbole("deepfm"),
    recbole(
        "dcn_v2",
        structure=("stacked", "parallel"),
        reg_weight=(2, 1e-2, 1e-4),
        cross_layer_num=(2, 3),
    ),
)


def ours(folder: Path, settings: Settings) -> Figures:
    """One run of ours on the rows of the folder: the figures that `peers/ctr_run.py` names.

    `settings` are those of COMMON and of `ours_of`'s axes, with `model`, `seed` and `threads`.
    """
    script = str(ROOT / "bench" / "ctr_ours.py")
    command = [sys.executable, script, str(folder), json.dumps(settings)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@dataclass
class Runner:
    """Runs once what is asked for, and keeps it."""

    folders: Mapping[tuple[str, int | None], Path]
    threads: int
    again: str | None
    kept: dict[str, Figures] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def side_by_side(
        self, pool: Executor, name: str, entrant: Entrant, rows: int | None, tried: list[Settings]
    ) -> list[Figures]:
        """Of several runs of an entrant on a set, in their order."""
        return list(pool.map(partial(self.figures, name, entrant, rows), tried))

    def figures(self, name: str, entrant: Entrant, rows: int | None, settings: Settings) -> Figures:
        """Of one run, which may have been done before."""
        asked = {**settings, "model": entrant.model}
        key = self._key(name, entrant, rows, asked)
        if key not in self.kept:
            folder = self.folders[name, rows]
            found = self._run(folder, entrant, {**asked, "threads": self.threads})
            self.kept[key] = {**found, "place": place()}
            told = {"key": key, "set": name, "entrant": entrant.name, "settings": asked}
            self._keep({**told, "rows": rows, "figures": self.kept[key]})
        return self.kept[key]

    def _run(self, folder: Path, entrant: Entrant, settings: Settings) -> Figures:
        if entrant.side == "ours":
            return ours(folder, settings)
        return run_peer(entrant.side, f"{entrant.side}_ctr", folder, json.dumps(settings))

    def _key(self, name: str, entrant: Entrant, rows: int | None, settings: Settings) -> str:
        made_of = "" if entrant.side == "ours" else (PEERS / f"{entrant.side}.txt").read_text()
        told = [VERSION, name, rows, entrant.name, settings, made_of]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def load(self) -> None:
        """Reads what earlier calls have kept, but for what is to be run again."""
        lines = CACHE.read_text().splitlines() if CACHE.exists() else []
        for told in map(json.loads, lines):
            if self.again is None or not told["entrant"].startswith(self.again):
                self.kept[told["key"]] = told["figures"]

    def _keep(self, told: dict[str, Any]) -> None:
        with self.lock:
            CACHE.parent.mkdir(parents=True, exist_ok=True)
            with CACHE.open("a") as lines:
                lines.write(json.dumps(told, sort_keys=True) + "\n")
            figures = told["figures"]
            told_of = f"{told['set']} {told['entrant']} valid {figures['valid_auc']:.5f}"
            print(f"ctr: {told_of} in {figures['epochs']} epochs", file=sys.stderr)


def place() -> str:
    """This machine, in words."""
    told = machine()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{told['cores']} cores ({told['cpu']}){gpu}"


def tuned(entrant: Entrant, run: Run) -> Settings:
    """The settings found best on valid, one axis after another; the first of equals."""
    best = dict(entrant.start)
    for axis, values in entrant.axes.items():
        tried = [{**best, axis: value} for value in values]
        found = run([{**told, "seed": 1} for told in tried])
        places = range(len(tried))
        best = tried[max(places, key=lambda place: (found[place]["valid_auc"], -place))]
    return best


def judged(entrant: Entrant, few: Run, run: Run, seeds: int) -> Figures:
    """Means and standard deviations over the seeds, and what was chosen on few rows."""
    best = tuned(entrant, few)
    runs = run([{**best, "seed": seed} for seed in range(1, seeds + 1)])
    figures: Figures = {"chosen": best, "seeds": seeds}
    for name in ("auc", "logloss", "valid_auc"):
        values = [told[name] for told in runs]
        figures[name] = round(statistics.fmean(values), 5)
        figures[f"{name}_sd"] = round(statistics.stdev(values), 5) if seeds > 1 else None
    figures["epochs"] = [told["epochs"] for told in runs]
    figures["places"] = sorted({told["place"] for told in runs})
    return figures


def lead(figures: Mapping[str, Figures]) -> dict[str, Any]:
    """Our best model beside the best peer, each the one that valid shows best."""

    def best(names: Iterable[str]) -> str | None:
        return max(names, key=lambda name: figures[name]["valid_auc"], default=None)

    mine = best(name for name in figures if name.startswith("ours."))
    other = best(name for name in figures if not name.startswith("ours."))
    told: dict[str, Any] = {"best_ours": mine, "best_peer": other}
    if mine and other:
        told["lead"] = round(figures[mine]["auc"] - figures[other]["auc"], 5)
    return told


def arguments() -> argparse.Namespace:
    """What to run, all of it by default."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [entrant.name for entrant in ENTRANTS]
    parser.add_argument("--data", type=Path, default=DATA, help="the sets' folder")
    parser.add_argument("--sets", nargs="+", choices=ctr_data.SETS, default=list(ctr_data.SETS))
    parser.add_argument("--entrants", nargs="+", choices=names, default=names)
    parser.add_argument("--axes", nargs="*", help="tunes only these")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, help="at most so many")
    parser.add_argument("--rows", type=int, help="only the first so many rows of each split")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument("--again", help="runs anew what starts so, such as ours.deepfm")
    parser.add_argument("--dry", action="store_true", help="prints, and writes no results")
    return parser.parse_args()


def narrowed(entrant: Entrant, args: argparse.Namespace) -> Entrant:
    """The entrant as the arguments want it."""
    axes = {n: v for n, v in entrant.axes.items() if args.axes is None or n in args.axes}
    limits = {"epochs": args.epochs} if args.epochs else {}
    return replace(entrant, start={**entrant.start, **limits}, axes=axes)


def main() -> None:
    """Prepares the sets, runs everyone, writes the figures."""
    args = arguments()
    if not all((args.data / name).exists() for name in ("ml-1m", "frappe")):
        sys.exit("ctr: needs ml-1m and frappe in ../shared/data, or where --data says; left out")
    entrants = [narrowed(told, args) for told in ENTRANTS if told.name in args.entrants]
    for side in sorted({told.side for told in entrants} - {"ours"}):
        python_of(side)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        few = {name: args.rows or TUNED_ON.get(name) for name in args.sets}
        folders = {
            (name, rows): ctr_data.prepare(
                name, args.data, Path(folder) / f"{name}-{rows}", rows=rows
            )
            for name in args.sets
            for rows in {few[name], args.rows}
        }
        runner = Runner(folders, args.threads, args.again)
        runner.load()
        told: dict[str, dict[str, Any]] = {}
        for name in args.sets:
            told[name] = {}
            for entrant in entrants:
                start = {**entrant.start, **BY_SET.get(name, {})}
                run = partial(runner.side_by_side, pool, name, entrant)
                own = replace(entrant, start=start)
                told[name][entrant.name] = judged(
                    own, partial(run, few[name]), partial(run, args.rows), args.seeds
                )
            told[name].update(lead(told[name]))
    print(json.dumps(told, indent=2) if args.dry else write("ctr", told).read_text())


if __name__ == "__main__":
    main()
