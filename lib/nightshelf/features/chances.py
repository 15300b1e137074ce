"""The chances of a draw, and its numbers, in compiled code."""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.compiled import CACHED

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]

ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_ONE, _TWO = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@njit(cache=CACHED, nogil=True)
def parts(shares: Floats, running: Floats, nearest: Ints) -> Floats:
    """The shares of the ways; those that have nothing to draw from give theirs to the uniform."""
    left = shares.copy()
    if len(nearest) == 0:
        left[0] += left[2]
        left[2] = 0.0
    if running[-1] <= 0:
        left[0] += left[1]
        left[1] = 0.0
    return left


@njit(cache=CACHED, nogil=True)
def way(at: float, parts: Floats) -> int:
    """0 uniform, 1 popular, 2 hard: in which share of the unit interval the number lies."""
    if at < parts[0] or parts[1] + parts[2] <= 0:
        return 0
    if parts[1] > 0 and (at < parts[0] + parts[1] or parts[2] <= 0):
        return 1
    return 2


@njit(cache=CACHED, nogil=True)
def share(item: int, running: Floats) -> float:
    """The probability that a popular draw, whatever becomes of it, is the item."""
    if running[-1] <= 0:
        return 0.0
    before = running[item - 1] if item else 0.0
    return float((running[item] - before) / running[-1])


@njit(cache=CACHED, nogil=True)
def hard(item: int, nearest: Ints, nearby: Longs, neighbours: Ints) -> float:
    """The probability that a hard draw, whatever becomes of it, is the item."""
    total = 0.0
    for near in nearest:
        begin, end = nearby[near], nearby[near + 1]
        at = begin + np.searchsorted(neighbours[begin:end], item)
        if at < end and neighbours[at] == item:
            total += 1.0 / (end - begin)
    return total / len(nearest)


@njit(cache=CACHED, nogil=True)
def mixed(value: np.uint64) -> np.uint64:
    """SplitMix64's output function (Steele, Lea and Flood 2014)."""
    value = (value ^ (value >> _S30)) * _ONE
    value = (value ^ (value >> _S27)) * _TWO
    return value ^ (value >> _S31)


@njit(cache=CACHED, nogil=True)
def unit(key: np.uint64, counter: np.uint64) -> float:
    """A number in [0, 1) by SplitMix64."""
    return float(mixed(key + ODD * counter) >> _S11) * 2.0**-53
