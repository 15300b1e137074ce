"""What the night's lists know of a simulated shop's planted truth: results/truth.json.

The shop of `make nightly`, and the systems of `lists.py` on its tables: the ranked night, the blend
of sources, item-CF alone; beside them the lists that the truth itself would make, of the items that
the catalogue has. For users with at least ten clicks, over their 20 items and the first five:
`attraction`, the mean probability that the user likes an item it looks at; `taste`, the user's
weight of the item's category; `brand`, its liking of the brand; `quality` of the item. `price` is
the correlation of the user's price sensitivity with the logarithm of the prices in its list: the
dearer an item, the less should the sensitive see it.
"""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable
from lists import by_system
from report import ROOT, write

from nightshelf.config import load

CONF = ROOT / "conf" / "local.yaml"
K, FIRST = 20, 5
PAIRS = """
CREATE TABLE pairs AS
WITH catalogue AS (
  SELECT item_id, arg_max(category, ds) AS category, arg_max(brand, ds) AS brand,
    arg_max(price, ds) AS price
  FROM read_parquet($items) GROUP BY item_id
), active AS (
  SELECT user_id FROM read_parquet($events) WHERE event_type = 'click'
  GROUP BY user_id HAVING count(*) >= 10
)
SELECT *, 1 / (1 + exp(-(
  0.6 * ln(0.05 + categories * taste) + brand + 0.5 * quality
  - 0.3 * ln(price / 20) * sensitivity * elasticity - 1.2
))) AS attraction
FROM (
  SELECT user_id, item_id, price, weight AS taste, utility AS brand, quality, elasticity,
    price_sensitivity AS sensitivity, (SELECT count(DISTINCT category) FROM catalogue) AS categories
  FROM active
  JOIN read_parquet($users) USING (user_id)
  CROSS JOIN catalogue
  JOIN read_parquet($worth) USING (item_id)
  JOIN read_parquet($tastes) USING (user_id, category)
  JOIN (SELECT user_id, brand, utility FROM read_parquet($brand_tastes)) USING (user_id, brand)
)
"""
TOLD = """
SELECT avg(attraction) AS attraction, avg(attraction) FILTER (rank <= $first) AS attraction_first,
  avg(taste) AS taste, avg(taste) FILTER (rank <= $first) AS taste_first, avg(brand) AS brand,
  avg(quality) AS quality, corr(sensitivity, ln(price)) AS price
FROM pairs JOIN {lists} USING (user_id, item_id) WHERE rank <= $k
"""
LISTED = "(SELECT user_id, item_id, rank FROM read_parquet($lists))"
BEST = """(
  SELECT user_id, item_id,
    row_number() OVER (PARTITION BY user_id ORDER BY attraction DESC, item_id) AS rank
  FROM pairs
)"""


def figures(root: Path, versions: dict[str, int]) -> dict[str, dict[str, float]]:
    """What the truth says of each system's lists."""
    truth = root / "shop_truth"
    names = {"users": "users", "worth": "items", "tastes": "tastes", "brand_tastes": "brand_tastes"}
    places = {name: [str(p) for p in (truth / of).glob("*.parquet")] for name, of in names.items()}
    tables = {"items": "silver/items", "events": "silver/events"}
    places |= {name: DeltaTable(str(root / of)).file_uris() for name, of in tables.items()}
    table = str(root / "gold" / "recommendations")
    files = {of: DeltaTable(table, version=version).file_uris() for of, version in versions.items()}
    told = {}
    with duckdb.connect() as shop:
        shop.execute(PAIRS, places)
        asked: dict[str, Any] = {"k": K, "first": FIRST}
        for system in ("item_cf", "blend", "ranked", "best"):
            own = asked if system == "best" else {**asked, "lists": files[system]}
            query = TOLD.format(lists=BEST if system == "best" else LISTED)
            found = shop.execute(query, own).fetch_df().iloc[0]
            told[system] = {name: round(float(value), 4) for name, value in found.items()}
    return told


def main() -> None:
    """Runs the night, asks the truth, writes."""
    shop = load(CONF).simulate
    ds = shop.start + timedelta(days=shop.days - 1)
    with tempfile.TemporaryDirectory() as folder:
        versions, _ = by_system(Path(folder), (), ("--conf-file", str(CONF), "--ds", str(ds)))
        told = figures(Path(folder), versions)
    print(write("truth", {"k": K, "first": FIRST, "systems": told}).read_text())


if __name__ == "__main__":
    main()
