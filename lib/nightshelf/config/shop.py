"""How the simulated shop's files are read: a mapping like that of any other shop."""

from typing import Any

FOLDER = "shop"
TRUTH_FOLDER = "shop_truth"


def simulated_sources(root: str) -> dict[str, Any]:
    """The `sources` of the shop that `simulate_shop` writes below the warehouse root."""

    def parquet(path: str, columns: dict[str, str], **more: Any) -> list[dict[str, Any]]:
        where = {"format": "parquet", "path": f"{root}/{FOLDER}/{path}"}
        return [{**where, "columns": columns, **more}]

    events = _as_they_are(
        "user_id", "item_id", "session_id", "position", "quantity", "price", "query", "rating"
    )
    items = _as_they_are(
        "item_id", "valid_from", "title", "description", "category", "brand", "price", "stock",
        "launch_date", "delisted",
    )  # fmt: skip
    users = _as_they_are("user_id", "signup_date")
    reviews = _as_they_are("item_id", "user_id", "rating", "text")
    return {
        "events": parquet(
            "events/ds={ds}",
            {**events, "event_type": "event", "event_ts": "ts"},
            timestamp_unit="ms",
        ),
        "items": parquet("items", items),
        "users": parquet("users", users, attributes=["device", "country"]),
        "reviews": parquet("reviews", {**reviews, "review_ts": "ts"}, timestamp_unit="ms"),
    }


def _as_they_are(*columns: str) -> dict[str, str]:
    return {column: column for column in columns}
