"""One colour per level, neighbours far apart in hue."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS, anatomical_order, name_of_verse_id

Colour = tuple[float, float, float]

UNNAMED: Colour = (1.0, 1.0, 1.0)
HUE_STEP = 0.381966  # golden section: no two of the next dozen levels come near one another


def level_colour(name: str) -> Colour:
    """Red, green, blue in 0..1; white for what is no level."""
    return _stepped(anatomical_order(name)) if name in LEVELS else UNNAMED


def label_colours(labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Colours (..., 3) of VerSe ids (...): those of ``level_colour``; other ids get one of their own, 0 black."""
    present, places = np.unique(labels, return_inverse=True)
    table = np.array([number_colour(int(number)) for number in present]).reshape(-1, 3)
    return table[places].reshape(*labels.shape, 3)


def number_colour(number: int) -> Colour:
    """The colour of a VerSe id."""
    if number == 0:
        return (0.0, 0.0, 0.0)
    name = name_of_verse_id(number)
    return level_colour(name) if name in LEVELS else _stepped(number)


def _stepped(place: int) -> Colour:
    return colorsys.hsv_to_rgb((0.02 + place * HUE_STEP) % 1.0, 0.75, 1.0)
