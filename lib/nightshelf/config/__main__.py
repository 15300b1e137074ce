"""Prints conf/base.yaml."""

import sys

from nightshelf.config.render import base

sys.stdout.write(base())
