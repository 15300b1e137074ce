"""The library's daemon of Python workers, that also forks them with the text model's imports.

Each test that encodes a text would wait for them in every worker.
"""

import importlib

from nightshelf import worker_daemon

if __name__ == "__main__":
    for _module in (*worker_daemon.FORKED, "transformers.models.bert.modeling_bert"):
        importlib.import_module(_module)
    worker_daemon.manager()
