"""The library's daemon of Python workers, that also forks them with the text model's imports.

Each test that encodes a text would wait for them in every worker.
"""

from nightshelf import worker_daemon

if __name__ == "__main__":
    worker_daemon.start((*worker_daemon.FORKED, "transformers.models.bert.modeling_bert"))
