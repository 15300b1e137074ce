"""What changes in shoppers on a day, for whoever wants to see whether it is noticed.

Without any of it they are the same to the last bit. What changes in the shop itself: `world`.
"""

import numpy as np

from nightshelf.config import PlantedConfig
from nightshelf.simulate.world import Floats, Ints


def loved(planted: PlantedConfig, tastes: Floats, day: Ints, category: Ints) -> Ints:
    """Whose place in a user's tastes (U, C) each category takes on its day; of one shape.

    From `taste_day` on a category is loved as the one before it was.
    """
    if planted.taste_day is None:
        return category
    return np.where(day >= planted.taste_day, (category - 1) % tastes.shape[1], category)


def robot_days(planted: PlantedConfig, days: Ints, rng: np.random.Generator) -> Ints:
    """(U,): the days on which users are robots (-1: never), with those of `robots_day` added."""
    if planted.robots_day is None:
        return days
    return np.where(rng.random(len(days)) < planted.robots_share, planted.robots_day, days)
