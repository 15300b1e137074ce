"""From a shop's own files and tables to clean events, items and users."""
