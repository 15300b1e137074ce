"""A whole night on a simulated shop of about a million events, from nothing: seconds and memory.

Writes results/night.json: rows of the shop, seconds of each step and of the whole night, peak
memory of the driver's JVM and of all its processes together, and how much of the lists is of the
categories that the shop's truth says their users love.
"""

import tempfile
from pathlib import Path

import duckdb
from deltalake import DeltaTable
from report import watch, write

SHOP = ("users=5200", "items=2000", "days=30", "sessions_per_day=0.25")


LOVED = """
SELECT avg((category = loved)::INT)
FROM read_parquet($lists)
JOIN (SELECT DISTINCT item_id, category FROM read_parquet($items)) USING (item_id)
JOIN (
  SELECT user_id, arg_max(category, weight) AS loved FROM read_parquet($tastes) GROUP BY user_id
) USING (user_id)
JOIN (SELECT user_id FROM read_parquet($events) WHERE event_type = 'click' GROUP BY user_id
HAVING count(*) >= 10) USING (user_id)
"""


def loved_share(root: Path) -> float:
    """The share of list items that are of their user's best-loved category, by the shop's truth.

    Over users with at least ten clicks.
    """
    tables = {
        "lists": "serving/recommendations",
        "items": "silver/items",
        "events": "silver/events",
    }
    files = {name: DeltaTable(str(root / path)).file_uris() for name, path in tables.items()}
    files["tastes"] = [str(path) for path in (root / "shop_truth" / "tastes").glob("*.parquet")]
    found = duckdb.execute(LOVED, files).fetchone()
    assert found is not None
    return float(found[0])


def main() -> None:
    """Runs the night in a process of its own and watches it."""
    with tempfile.TemporaryDirectory() as folder:
        shop = [f"simulate.{key}" for key in SHOP]
        night = watch("nightly", [f"warehouse.root={folder}", "spark.driver_memory=6g", *shop])
        loved = loved_share(Path(folder))
    path = write(
        "night",
        {
            "shop_rows": night.steps["simulate_shop"]["rows_out"],
            "step_seconds": {name: line.get("seconds") for name, line in night.steps.items()},
            "night_s": night.seconds,
            "loved_category_share": round(loved, 3),
            "loved_category_share_by_chance": round(1 / 12, 3),
            "driver_memory": "6g",
            "peak_rss_largest_process_mb": night.largest_process_mb,
            "peak_rss_all_processes_mb": night.all_processes_mb,
        },
    )
    print(path.read_text())


if __name__ == "__main__":
    main()
