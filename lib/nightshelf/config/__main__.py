"""Prints conf/base.yaml; or a config file's Spark settings, as spark-submit reads them.

Usage: python -m nightshelf.config [CONF_FILE]
"""

import sys

from nightshelf.config.load import load
from nightshelf.config.render import base, properties

sys.stdout.write(properties(load(sys.argv[1])) if len(sys.argv) > 1 else base())
