"""A whole night on a simulated shop of about a million events, from nothing: seconds and memory.

Writes results/night.json: rows of the shop, rows made a second, seconds of each step and of the
whole night, peak memory of the driver's JVM and of all its processes together.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import PeakMemory, write

ROOT = Path(__file__).resolve().parents[1]
SHOP = ("users=5200", "items=2000", "days=30", "sessions_per_day=0.25")


def main() -> None:
    """Runs the night in a process of its own and watches it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "jobs" / "nightly.py")]
        for setting in (
            f"warehouse.root={folder}",
            "spark.master=local[2]",
            "spark.driver_memory=6g",
            "logging.format=json",
            *(f"simulate.{key}" for key in SHOP),
        ):
            command += ["--set", setting]
        log = Path(folder) / "log.jsonl"
        began = time.monotonic()
        with log.open("w") as file:
            night = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)
            memory = PeakMemory(night.pid)
            while night.poll() is None:
                memory.poll()
                time.sleep(0.2)
        seconds = time.monotonic() - began
        if night.returncode:
            sys.exit(log.read_text())
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    steps = {line["step"]: line for line in lines if line["event"] == "step"}
    path = write(
        "night",
        {
            "shop_rows": steps["simulate_shop"]["rows_out"],
            "shop_rows_a_second": round(
                steps["simulate_shop"]["rows_out"] / steps["simulate_shop"]["seconds"]
            ),
            "step_seconds": {name: line.get("seconds") for name, line in steps.items()},
            "night_s": round(seconds, 1),
            "driver_memory": "6g",
            "peak_rss_largest_process_mb": memory.largest_process // 2**20,
            "peak_rss_all_processes_mb": memory.total // 2**20,
        },
    )
    print(path.read_text())


if __name__ == "__main__":
    main()
