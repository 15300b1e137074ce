"""How the simulated shop's files are read: a mapping like that of any other shop."""

from typing import Any

FOLDER = "shop"
TRUTH_FOLDER = "shop_truth"


def simulated_sources(root: str) -> dict[str, Any]:
    """The `sources` of the shop that `simulate_shop` writes below the warehouse root."""
    folder = f"{root}/{FOLDER}"
    return {
        "events": [
            {
                "format": "parquet",
                "path": f"{folder}/events/ds={{ds}}",
                "timestamp_unit": "ms",
                "columns": {
                    "user_id": "user_id",
                    "item_id": "item_id",
                    "session_id": "session_id",
                    "event_type": "event",
                    "event_ts": "ts",
                    "position": "position",
                    "quantity": "quantity",
                    "price": "price",
                    "query": "query",
                    "rating": "rating",
                },
            }
        ],
        "items": [
            {
                "format": "parquet",
                "path": f"{folder}/items",
                "columns": {
                    name: name
                    for name in (
                        "item_id",
                        "valid_from",
                        "title",
                        "description",
                        "category",
                        "brand",
                        "price",
                        "stock",
                        "launch_date",
                        "delisted",
                    )
                },
            }
        ],
        "users": [
            {
                "format": "parquet",
                "path": f"{folder}/users",
                "columns": {"user_id": "user_id", "signup_date": "signup_date"},
                "attributes": ["device", "country"],
            }
        ],
        "reviews": [
            {
                "format": "parquet",
                "path": f"{folder}/reviews",
                "timestamp_unit": "ms",
                "columns": {
                    "item_id": "item_id",
                    "user_id": "user_id",
                    "review_ts": "ts",
                    "rating": "rating",
                    "text": "text",
                },
            }
        ],
    }
