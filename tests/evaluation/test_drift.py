"""The population stability index, by hand and on frames."""

from math import log

import pytest

from nightshelf.evaluation.drift import psi, psi_of
from tests.conftest import Frame


def test_psi_by_hand() -> None:
    expected = (0.3 - 0.5) * log(0.3 / 0.5) + (0.7 - 0.5) * log(0.7 / 0.5)
    assert psi([5, 5], [3, 7]) == pytest.approx(expected)
    assert psi([1, 2, 3], [10, 20, 30]) == pytest.approx(0)
    # Nothing counts as a ten-thousandth.
    assert psi([1, 0], [0, 1]) == pytest.approx(2 * (1 - 1e-4) * log(1e4))
    with pytest.raises(ValueError, match="empty"):
        psi([0, 0], [1, 2])


def test_psi_of_a_column_is_over_the_deciles_of_what_was_expected(frame: Frame) -> None:
    before = frame("score double", [(n / 100,) for n in range(100)])
    assert psi_of("score", before, before) == pytest.approx(0)
    low = frame("score double", [(n / 10_000,) for n in range(100)])
    # All lie in the lowest of the ten bins.
    lowest = psi([1] * 10, [1] + [0] * 9)
    assert psi_of("score", before, low) == pytest.approx(lowest, rel=0.05)
    same = frame("score double", [(0.5,)] * 10)
    assert psi_of("score", same, same) == pytest.approx(0)
