"""A digest of what a frame holds, whatever the order of its rows and the names of its files."""

import hashlib
import json
from collections.abc import Collection

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

BUCKET_HEX_DIGITS = 3


def digest(frame: DataFrame, ignore: Collection[str] = ()) -> str:
    """SHA-256 over the frame's schema and its sorted rows, without the columns in `ignore`.

    Each row is hashed; the hashes are sorted within 4,096 buckets of their first digits on the
    executors, so that the driver sees one hash a bucket, not one a row.
    """
    names = sorted(set(frame.columns) - set(ignore))
    schema = {name: frame.schema[name].dataType.simpleString() for name in names}
    row = F.to_json(F.struct(*names), {"ignoreNullFields": "false"})
    buckets = (
        frame.select(F.sha2(row, 256).alias("row"))
        .groupBy(F.substring("row", 1, BUCKET_HEX_DIGITS).alias("bucket"))
        .agg(F.sha2(F.concat_ws("", F.sort_array(F.collect_list("row"))), 256).alias("rows"))
        .orderBy("bucket")
        .collect()
    )
    total = hashlib.sha256(json.dumps(schema, sort_keys=True).encode())
    for bucket in buckets:
        total.update(f"{bucket['bucket']}:{bucket['rows']}\n".encode())
    return total.hexdigest()
