"""How fast the simulated shop is made, truth included, and whether memory stays flat as it grows.

Writes results/simulate.json: for shops of about one and ten million rows, the rows, the seconds of
the job with Spark's start, rows a second, and the peak memory of all its processes.
"""

import tempfile

from report import watch, write

USERS = (5_200, 52_000)
LAST_DAY = "2026-01-30"


def main() -> None:
    """Makes each shop in a process of its own and watches it."""
    shops = []
    for users in USERS:
        with tempfile.TemporaryDirectory() as folder:
            settings = [
                f"warehouse.root={folder}",
                f"simulate.users={users}",
                "simulate.items=2000",
            ]
            made = watch("simulate_shop", [*settings, "spark.driver_memory=2g"], ["--ds", LAST_DAY])
        rows = made.steps["simulate_shop"]["rows_out"]
        shops.append(
            {
                "rows": rows,
                "job_s": made.seconds,
                "rows_a_second": round(rows / made.seconds),
                "peak_rss_all_processes_mb": made.all_processes_mb,
            }
        )
    print(write("simulate", {"shops": shops, "driver_memory": "2g"}).read_text())


if __name__ == "__main__":
    main()
