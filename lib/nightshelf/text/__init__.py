"""Texts of items and queries: what they say, as vectors of a transformers model or of LSA."""
