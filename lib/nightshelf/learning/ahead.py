"""Makes the next batches while the last one is worked on."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")
_END = object()


def ahead(source: Iterator[T], depth: int = 2) -> Iterator[T]:
    """What `source` gives, made in a thread, at most `depth` in advance.

    An error of the source is raised here. The thread ends with the iteration, finished or not.
    """
    made: queue.Queue[object] = queue.Queue(depth)
    stopped = threading.Event()

    def offer(value: object) -> bool:
        while not stopped.is_set():
            try:
                made.put(value, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    thread = threading.Thread(target=_fill, args=(source, offer), daemon=True)
    thread.start()
    try:
        while (value := made.get()) is not _END:
            if isinstance(value, _Failed):
                raise value.error
            yield value  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _fill(source: Iterator[T], offer: Callable[[object], bool]) -> None:
    try:
        for value in source:
            if not offer(value):
                close = getattr(source, "close", None)
                if close:
                    close()
                return
        offer(_END)
    except BaseException as error:  # raised where the values are wanted
        offer(_Failed(error))
