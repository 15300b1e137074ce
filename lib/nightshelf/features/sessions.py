"""How many sessions a user had in the last days, as of a day."""

import numpy as np

from nightshelf.features.activity import Asked
from nightshelf.parts import Floats, Ints, Longs

_NEVER = np.iinfo(np.int32).max


def session_counts(
    asked: Asked, keys: Ints, sessions: Longs, days: Ints, windows: tuple[int, ...]
) -> dict[str, Floats]:
    """(P,) for each window: the sessions with an event in (day - window, day].

    keys, sessions, days (R,): one row a session and day. A session counts from one of its days on
    until the window has passed or its next day takes over.
    """
    order = np.lexsort((days, sessions, keys))
    keys, sessions, days = keys[order], sessions[order], days[order]
    again = (keys[1:] == keys[:-1]) & (sessions[1:] == sessions[:-1])
    takes_over = np.append(np.where(again, days[1:], _NEVER), _NEVER)[: len(days)]
    began = _reached(asked, keys, days)
    numbers = {}
    for window in windows:
        ended = _reached(asked, keys, np.minimum(takes_over, days + window))
        numbers[f"sessions_{window}d"] = (began - ended).astype(np.float64)
    return numbers


def _reached(asked: Asked, keys: Ints, days: Longs | Ints) -> Longs:
    """(P,): how many of the key's days (R,), in any order, are up to the one asked for."""
    order = np.lexsort((days, keys))
    return asked.rows_until(keys[order], days[order].astype(np.int64)) - asked.first_rows(
        keys[order]
    )
