"""The inner loop of the sparse optimiser: a step of the rows that a batch touches alone."""

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nightshelf.compiled import CACHED
from nightshelf.learning.flat import BETA1, BETA2, EPSILON

Ints = NDArray[np.int32]
Singles = NDArray[np.float32]


def adam(
    weights: Singles,
    moments: tuple[Singles, Singles],
    touched: Ints,
    gradients: Singles,
    *,
    rate: float,
    step: int,
    decay: float,
    threads: int = 1,
) -> None:
    """One step of Adam (Kingma & Ba 2015) on the rows touched, in place.

    weights and both moments (V, W), touched (U,) distinct, gradients (U, W), step from 1. The
    moments of rows that a batch does not touch stay as they are (lazy Adam). `decay`: L2 penalty.
    Each row is one thread's: the result is the same for any number of them.
    """
    first, second = moments
    bias1, bias2 = 1.0 - BETA1**step, 1.0 - BETA2**step
    size, scale = np.float32(rate / bias1), np.float32(bias2**-0.5)

    def part(n: int) -> None:
        own = slice(len(touched) * n // threads, len(touched) * (n + 1) // threads)
        _adam(weights, first, second, touched[own], gradients[own], size, scale, decay)

    list(_pool(threads).map(part, range(threads)) if threads > 1 else map(part, range(threads)))


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "adam")


ROWS_AT_ONCE = 128


@njit(cache=CACHED, nogil=True, fastmath=True)
def _adam(
    weights: Singles,
    first: Singles,
    second: Singles,
    touched: Ints,
    gradients: Singles,
    size: np.float32,
    scale: np.float32,
    decay: float,
) -> None:
    b1, b2, eps = np.float32(BETA1), np.float32(BETA2), np.float32(EPSILON)
    rest1, rest2, shrink = np.float32(1.0) - b1, np.float32(1.0) - b2, np.float32(decay)
    width = weights.shape[1]
    # Rows are worked on side by side: loops of W numbers are too short for vector instructions.
    x, m, v = np.empty((3, ROWS_AT_ONCE * width), np.float32)
    flat = gradients.reshape(-1)
    for start in range(0, len(touched), ROWS_AT_ONCE):
        rows = touched[start : start + ROWS_AT_ONCE]
        for n in range(len(rows)):
            for w in range(width):
                at = n * width + w
                x[at], m[at], v[at] = weights[rows[n], w], first[rows[n], w], second[rows[n], w]
        for at in range(len(rows) * width):
            g = flat[start * width + at] + shrink * x[at]
            m[at] = b1 * m[at] + rest1 * g
            v[at] = b2 * v[at] + rest2 * g * g
            x[at] -= size * m[at] / (np.sqrt(v[at]) * scale + eps)
        for n in range(len(rows)):
            for w in range(width):
                at = n * width + w
                weights[rows[n], w], first[rows[n], w], second[rows[n], w] = x[at], m[at], v[at]
