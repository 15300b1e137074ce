"""Makes the next batches while the last one is worked on."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_END = object()


class Ahead(Generic[T]):
    """What `source` gives, made in a thread, at most `depth` in advance.

    An error of the source is raised where its values are taken. The thread ends with the iteration,
    finished or not. waited: seconds in which a value was wanted and not there yet.
    """

    def __init__(self, source: Iterator[T], depth: int = 2) -> None:
        self.waited = 0.0
        self._source = source
        self._made: queue.Queue[object] = queue.Queue(depth)
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[T]:
        thread = threading.Thread(target=_fill, args=(self._source, self._offer), daemon=True)
        thread.start()
        try:
            while (value := self._next()) is not _END:
                if isinstance(value, _Failed):
                    raise value.error
                yield value  # type: ignore[misc]
        finally:
            self._stopped.set()
            thread.join()

    def _next(self) -> object:
        began = time.monotonic()
        value = self._made.get()
        self.waited += time.monotonic() - began
        return value

    def _offer(self, value: object) -> bool:
        while not self._stopped.is_set():
            try:
                self._made.put(value, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False


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
