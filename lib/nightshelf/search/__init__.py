"""Search: from the queries that are typed, and items' texts, to ranked results of each query."""
