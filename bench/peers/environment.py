"""Runs other projects' code for comparison, each in an environment of its own.

A peer is named by its requirement file beside this one: `implicit.txt` is the peer `implicit`. Its
environment is made in `.venvs` when first asked for, and again when its requirements change.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def python_of(peer: str) -> Path:
    """The Python of the peer's environment, made first where it is missing or out of date."""
    folder = HERE / ".venvs" / peer
    python, stamp = folder / "bin" / "python", folder / "made-of"
    made_of = _made_of(HERE / f"{peer}.txt")
    if not (python.exists() and stamp.exists() and stamp.read_text() == made_of):
        print(f"peers: installing {peer} into {folder.relative_to(ROOT)}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        for command in _commands(folder, HERE / f"{peer}.txt"):
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                why = _summary(done.stderr)
                sys.exit(f"peers: {peer} could not be installed: {why}")
        stamp.write_text(made_of)
    return python


def run_peer(peer: str, script: str, *args: object) -> dict[str, Any]:
    """Runs `<script>.py` with the peer's Python; its last line of output is the JSON returned."""
    command = [str(python_of(peer)), str(HERE / f"{script}.py"), *map(str, args)]
    # Another Spark's or Python's settings would change what is measured.
    foreign = ("PYTHONPATH", "PYTHONHOME", "SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    done = subprocess.run(command, check=False, env=kept, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        sys.exit(f"{done.stderr}peers: {script} ended with {done.returncode} and no figures")
    return dict(json.loads(lines[-1]))


def _made_of(requirements: Path) -> str:
    told = f"{sys.version_info[:2]} {HERE}\n".encode() + requirements.read_bytes()
    return hashlib.sha256(told).hexdigest()


def _commands(folder: Path, requirements: Path) -> list[list[str]]:
    uv = _uv()
    python = str(folder / "bin" / "python")
    if uv is None:
        pip = [python, "-m", "pip", "install", "-q", "-r", str(requirements)]
        return [[sys.executable, "-m", "venv", str(folder)], pip]
    make = [uv, "venv", "-q", "--python", sys.executable, str(folder)]
    return [make, [uv, "pip", "install", "-q", "--python", python, "-r", str(requirements)]]


def _uv() -> str | None:
    """The uv that set-up keeps in the cache, else the one on the PATH, else none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nightshelf"
    pin = (ROOT / "scripts" / "uv.lock").read_text().split()[0]
    kept = cache / pin.replace("==", "-") / "bin" / "uv"
    return str(kept) if kept.exists() else shutil.which("uv")


def _summary(told: str) -> str:
    """What an installer said, in one line."""
    return " ".join(told.split())[:500] or "its installer said nothing"
