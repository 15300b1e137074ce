"""How much is learnt from."""

import pytest

from nightshelf.text.earliest import learnt_from


@pytest.mark.parametrize(
    ("found", "most", "many"),
    [(0, 9, 0), (1, 9, 1), (5, 9, 4), (8, 9, 8), (17, 9, 8), (2**20 - 1, 2**20, 2**19)],
)
def test_the_largest_power_of_two(found: int, most: int, many: int) -> None:
    assert learnt_from(found, most) == many
