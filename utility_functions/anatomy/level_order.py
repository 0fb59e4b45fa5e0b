"""The runs of slices of the levels along a spine: each level once, in order, of plausible height, at the least cost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import CSI_LEVELS, LEVELS, regressed_level
from utility_functions.anatomy.spine_sizes import usual_half_height_mm

LOWEST_HEIGHT, HIGHEST_HEIGHT = 0.55, 1.6
"""Range of a level's height as a ratio to its usual one; at the ends of the chain it may be lower (truncated)."""
LOWEST_APART = 0.7
"""The lowest ratio where variants are allowed and borders earn a reward: no level fits into the noise of a disc."""
HEIGHT_DEVIATION = 0.2
"""Standard deviation of a level's height along z, as a fraction of the usual one."""
HEIGHT_WEIGHT = 0.05
"""Weight of the squared deviation, as a fraction of the votes of one vertebra."""
VARIANT_PRICE = 0.5
"""Cost of a variant of the spine (T13, no T12, L6, no L5), as a fraction of the votes of one vertebra."""
NAMES = (*CSI_LEVELS, *(name for name in LEVELS if name not in CSI_LEVELS))
"""Levels by their number from 1 on: those with votes of their own, then T13 and L6, which use those of T12 and L5."""
VARIANT_STEPS = (("T12", "T13"), ("T13", "L1"), ("T11", "L1"), ("L5", "L6"), ("L6", "S1"), ("L4", "S1"))
FREE_STEPS = (("T13", "L1"), ("L6", "S1"))
"""The second step of a variant has no further cost."""


class LevelSlices(NamedTuple):
    """Slices ``start`` up to, not including, ``stop`` (counted from the top) belong to ``level``, a number of NAMES."""

    level: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        return NAMES[self.level - 1]

    @property
    def number(self) -> int:
        """The level number that the votes for it have."""
        return regressed_level(self.name) or self.level


class LevelOrder(NamedTuple):
    """Runs from the top down, and how much less they cost than leaving everything out."""

    runs: list[LevelSlices]
    gain: float


def best_chain(
    votes: tuple[NDArray[np.float64], NDArray[np.float64]],
    spacing_mm: float,
    cost_of_dropping: float,
    border_costs: NDArray[np.float64] | None = None,
    variants: bool = False,
) -> LevelOrder:
    """The chain of levels, from the top down, that explains the slices at the least cost; exact.

    votes: per slice and level the cost (slices, levels) of calling the slice that level (levels count from 1), and
        the number of votes per slice.
    cost_of_dropping: per vote in slices left out above or below the chain.
    border_costs: what it costs to end one level and begin the next before each slice (slices + 1); S1-S2 costs none.
    variants: whether the chain may have T13, no T12, L6 or no L5, at a price.

    It is a semi-Markov chain. Each level follows the one above it, and its cost grows as its height departs from the
    usual one. A chain may begin and end anywhere; its first and last level may be truncated by the field of view.
    """
    costs, counts = votes
    if variants:
        costs = costs[:, [(regressed_level(name) or 1) - 1 for name in NAMES]]
    slices, levels = costs.shape
    below = np.vstack([np.zeros(levels), np.cumsum(costs, axis=0)])  # cost of slices above each border
    dropped = cost_of_dropping * np.concatenate([[0.0], np.cumsum(counts)])
    usual = np.array([2 * usual_half_height_mm(NAMES[i]) for i in range(levels)])
    longest = min(slices, int(np.ceil(HIGHEST_HEIGHT * usual.max() / spacing_mm)))
    heights = np.arange(1, longest + 1)
    part = heights * spacing_mm / usual[:, None]  # (levels, heights)
    typical = counts.sum() / max((counts > 0).sum(), 1) * usual[:, None] / spacing_mm  # votes of one vertebra
    departure = HEIGHT_WEIGHT * typical * ((part - 1) / HEIGHT_DEVIATION) ** 2
    inner = np.where(
        (part >= (LOWEST_APART if variants else LOWEST_HEIGHT)) & (part <= HIGHEST_HEIGHT), departure, np.inf
    )
    outer = np.where(part <= HIGHEST_HEIGHT, np.where(part > 1, departure, 0.0), np.inf)

    border = np.zeros(slices + 1) if border_costs is None else border_costs
    upper, price, bordered = _steps_down(levels)
    price = price * np.median(typical)
    first_price = np.where(np.arange(levels) < len(CSI_LEVELS), 0.0, VARIANT_PRICE * np.median(typical))
    best = np.full((slices + 1, levels), np.inf)  # least cost of a chain whose last run, whole, ends at the border
    origin = np.zeros((slices + 1, levels), int)  # that run's height; negative when it is the first of its chain
    upper_of = np.zeros((slices + 1, levels), int)  # the level above the one whose run begins at the border
    entering = np.full((slices + 1, levels), np.inf)  # least cost of a chain above that may go on with the level
    finish = dropped[-1]  # everything dropped
    end: tuple[int, int, int] | None = None
    for stop in range(1, slices + 1):
        height = heights[heights <= stop]
        start = stop - height
        own = (below[stop] - below[start]).T  # (levels, heights)
        above = entering[start].T
        following = above + own
        leading = dropped[start] + own + outer[:, : len(height)] + first_price[:, None]
        whole = following + inner[:, : len(height)]
        for chains, first in ((whole, False), (leading, True)):
            choice = chains.argmin(axis=1)
            value = chains[np.arange(levels), choice]
            better = value < best[stop]
            best[stop, better] = value[better]
            origin[stop, better] = (-height[choice] if first else height[choice])[better]
        begun = dropped[start] + first_price[:, None]
        alone = begun < above
        closing = np.where(alone, begun, above) + own + outer[:, : len(height)]
        level, place = np.unravel_index(closing.argmin(), closing.shape)
        total = closing[level, place] + dropped[-1] - dropped[stop]
        if total < finish:
            finish = total
            end = (int(level), stop, int(-height[place] if alone[level, place] else height[place]))
        ways = np.where(upper < 0, np.inf, best[stop][upper] + border[stop] * bordered + price)  # (levels, ways)
        way = ways.argmin(axis=1)
        entering[stop], upper_of[stop] = ways[np.arange(levels), way], upper[np.arange(levels), way]
    return LevelOrder(_walk_back(end, origin, upper_of), float(dropped[-1] - finish))


def _steps_down(levels: int) -> tuple[NDArray[np.int_], NDArray[np.float64], NDArray[np.bool_]]:
    """Per level the places of those that may lie above it (-1: none), their price, and whether a disc lies between."""
    usual = range(1, min(levels, len(CSI_LEVELS)))
    steps = [(NAMES[i - 1], NAMES[i], 0.0) for i in usual]
    if levels > len(CSI_LEVELS):
        steps += [(*step, 0.0 if step in FREE_STEPS else VARIANT_PRICE) for step in VARIANT_STEPS]
    upper, price = np.full((levels, 3), -1), np.zeros((levels, 3))
    for above, below, cost in steps:
        row = NAMES.index(below)
        way = int((upper[row] >= 0).sum())
        upper[row, way], price[row, way] = NAMES.index(above), cost
    bordered = np.array([name != "S2" for name in NAMES[:levels]])[:, None]
    return upper, price, bordered


def _walk_back(
    end: tuple[int, int, int] | None, origin: NDArray[np.int_], upper_of: NDArray[np.int_]
) -> list[LevelSlices]:
    runs: list[LevelSlices] = []
    while end is not None:
        level, stop, height = end
        start = stop - abs(height)
        runs.append(LevelSlices(level + 1, start, stop))
        above = int(upper_of[start, level])
        end = (above, start, int(origin[start, above])) if height > 0 else None
    return runs[::-1]
