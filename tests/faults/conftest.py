"""Fault tests use the same small shop as the jobs' tests."""

from tests.jobs.conftest import invoke, nights, shop, two_nights

__all__ = ["invoke", "nights", "shop", "two_nights"]
