"""Reads a table again and again until a file appears, and tells the days and rows it saw.

Usage: reading.py TABLE STOP_FILE

A line for each read: the days of the rows, and how many rows there were.
"""

import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable

if __name__ == "__main__":
    table, stop = sys.argv[1:]
    while not Path(stop).exists():
        files = DeltaTable(table).file_uris()
        rows = duckdb.execute("SELECT ds, count(*) FROM read_parquet(?) GROUP BY ds", [files])
        print(sorted((str(ds), n) for ds, n in rows.fetchall()), flush=True)
