"""The runs of slices that levels take along a spine: each once, in order, of plausible height, at least cost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import name_of_regressed_level, regressed_level
from utility_functions.anatomy.measures import usual_half_height_mm

LOWEST_HEIGHT, HIGHEST_HEIGHT = 0.55, 1.6
"""Heights a level may have, in parts of its usual one; at the ends of the chain it may be lower (cut)."""
HEIGHT_DEVIATION = 0.2
"""Standard deviation of a level's height along z, in parts of the usual one."""
HEIGHT_WEIGHT = 0.05
"""How much the squared deviation counts, in parts of the votes of one vertebra."""


class Run(NamedTuple):
    """Slices ``start`` up to, not including, ``stop`` (counted from the top) belong to ``level``."""

    level: int
    start: int
    stop: int


class Chain(NamedTuple):
    """Runs from the top down, and by how much they cost less than leaving everything out."""

    runs: list[Run]
    gain: float


def best_chain(
    votes: tuple[NDArray[np.float64], NDArray[np.float64]],
    spacing_mm: float,
    cost_of_dropping: float,
    border_costs: NDArray[np.float64] | None = None,
) -> Chain:
    """The chain of levels, from the top down, that explains the slices at the least cost; exact.

    votes: per slice and level the cost (slices, levels) of calling the slice that level (levels count from 1), and
        the number of votes per slice.
    cost_of_dropping: per vote in slices left out above or below the chain.
    border_costs: what it costs to end one level and begin the next before each slice (slices + 1); S1-S2 costs none.

    A semi-Markov chain: each level follows the one above it, and costs more the more its height departs from the
    usual one. A chain may begin and end anywhere; its first and last level may be cut.
    """
    costs, counts = votes
    slices, levels = costs.shape
    below = np.vstack([np.zeros(levels), np.cumsum(costs, axis=0)])  # cost of slices above each border
    dropped = cost_of_dropping * np.concatenate([[0.0], np.cumsum(counts)])
    usual = np.array([2 * usual_half_height_mm(name_of_regressed_level(i + 1) or "") for i in range(levels)])
    longest = min(slices, int(np.ceil(HIGHEST_HEIGHT * usual.max() / spacing_mm)))
    heights = np.arange(1, longest + 1)
    part = heights * spacing_mm / usual[:, None]  # (levels, heights)
    typical = counts.sum() / max((counts > 0).sum(), 1) * usual[:, None] / spacing_mm  # votes of one vertebra
    departure = HEIGHT_WEIGHT * typical * ((part - 1) / HEIGHT_DEVIATION) ** 2
    inner = np.where((part >= LOWEST_HEIGHT) & (part <= HIGHEST_HEIGHT), departure, np.inf)
    outer = np.where(part <= HIGHEST_HEIGHT, np.where(part > 1, departure, 0.0), np.inf)

    borders = (
        np.zeros((slices + 1, levels - 1)) if border_costs is None else np.repeat(border_costs[:, None], levels - 1, 1)
    )
    borders[:, (regressed_level("S1") or levels) - 1 :] = 0.0
    best = np.full((slices + 1, levels), np.inf)  # least cost of a chain whose last run, whole, ends at the border
    origin = np.zeros((slices + 1, levels), int)  # that run's height; negative when it is the first of its chain
    finish = dropped[-1]  # everything dropped
    end: tuple[int, int, int] | None = None
    for stop in range(1, slices + 1):
        height = heights[heights <= stop]
        start = stop - height
        own = (below[stop] - below[start]).T  # (levels, heights)
        above = np.full(own.shape, np.inf)
        above[1:] = (best[start, :-1] + borders[start]).T
        following = above + own
        leading = dropped[start] + own + outer[:, : len(height)]
        whole = following + inner[:, : len(height)]
        for chains, first in ((whole, False), (leading, True)):
            choice = chains.argmin(axis=1)
            value = chains[np.arange(levels), choice]
            better = value < best[stop]
            best[stop, better] = value[better]
            origin[stop, better] = (-height[choice] if first else height[choice])[better]
        alone = dropped[start] < above
        closing = np.where(alone, dropped[start], above) + own + outer[:, : len(height)]
        level, place = np.unravel_index(closing.argmin(), closing.shape)
        total = closing[level, place] + dropped[-1] - dropped[stop]
        if total < finish:
            finish = total
            end = (int(level), stop, int(-height[place] if alone[level, place] else height[place]))
    return Chain(_walk_back(end, origin), float(dropped[-1] - finish))


def _walk_back(end: tuple[int, int, int] | None, origin: NDArray[np.int_]) -> list[Run]:
    runs: list[Run] = []
    while end is not None:
        level, stop, height = end
        start = stop - abs(height)
        runs.append(Run(level + 1, start, stop))
        end = (level - 1, start, int(origin[start, level - 1])) if height > 0 else None
    return runs[::-1]
