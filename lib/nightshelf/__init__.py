"""Nightshelf: a nightly batch on Spark that turns a shop's events into ready top-k lists."""

__version__ = "0.1.0"
