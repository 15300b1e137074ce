"""Fault tests use the same small shop as the jobs' tests."""

from tests.jobs.conftest import invoke, shop

__all__ = ["invoke", "shop"]
