"""The best chain of levels equals that of an exhaustive search, and corrects single wrong votes."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from utility_functions.anatomy import level_order
from utility_functions.anatomy.level_order import LevelSlices, best_chain
from utility_functions.anatomy.spine_sizes import usual_half_height_mm


def votes(levels: list[float], per_slice: int = 10, jitter: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Costs and counts of slices in which all votes are for one level."""
    rng = np.random.default_rng(1)
    numbers = np.arange(1, 27)
    drawn = np.asarray(levels)[:, None] + jitter * rng.normal(size=(len(levels), per_slice))
    costs = np.minimum(np.abs(drawn[:, :, None] - numbers), 2.0).sum(axis=1)
    return costs, np.full(len(levels), float(per_slice))


def cost_of(runs: list[LevelSlices], costs: np.ndarray, counts: np.ndarray, spacing: float, dropping: float) -> float:
    """The total cost of a chain by definition; infinite where it is not allowed."""
    total = dropping * (counts[: runs[0].start].sum() + counts[runs[-1].stop :].sum())
    for place, run in enumerate(runs):
        usual = 2 * usual_half_height_mm(f"L{run.level - 19}" if run.level > 19 else f"T{run.level - 7}")
        part = (run.stop - run.start) * spacing / usual
        at_end = place in (0, len(runs) - 1)
        if part > level_order.HIGHEST_HEIGHT or (part < level_order.LOWEST_HEIGHT and not at_end):
            return np.inf
        total += costs[run.start : run.stop, run.level - 1].sum()
        if not at_end or part > 1:
            typical = counts.sum() / len(counts) * usual / spacing
            total += level_order.HEIGHT_WEIGHT * typical * ((part - 1) / level_order.HEIGHT_DEVIATION) ** 2
    return float(total)


def test_the_chain_has_the_lowest_cost_of_all() -> None:
    spacing, dropping = 12.0, 1.5
    rng = np.random.default_rng(3)
    for _ in range(4):
        costs, counts = votes(list(rng.uniform(19, 24, 7)), jitter=0.5)
        found = cost_of(best_chain((costs, counts), spacing, dropping).runs, costs, counts, spacing, dropping)
        everything = [dropping * counts.sum()]
        for number in (2, 3, 4):
            for borders in combinations(range(8), number):
                for first in range(17, 24):
                    runs = [LevelSlices(first + i, a, b) for i, (a, b) in enumerate(pairwise(borders))]
                    if runs[-1].level <= 24:
                        everything.append(cost_of(runs, costs, counts, spacing, dropping))
        assert found <= min(everything) + 1e-9


def test_consistent_votes_are_returned_unchanged() -> None:
    levels = [20] * 9 + [21] * 9 + [22] * 9
    assert best_chain(votes(levels), 4.0, 1.5).runs == [
        LevelSlices(20, 0, 9),
        LevelSlices(21, 9, 18),
        LevelSlices(22, 18, 27),
    ]


def test_a_level_that_no_vote_names_is_not_skipped() -> None:
    """T-shaped ambiguity: the network jumps from 20 to 22, but the slices between have room for one more."""
    levels = [20] * 9 + [20.6] * 3 + [21.4] * 6 + [22] * 9
    assert [run.level for run in best_chain(votes(levels), 4.0, 1.5).runs] == [20, 21, 22]


@pytest.mark.parametrize("outlier", [3.0, 26.0])
def test_outlying_slices_at_an_end_are_dropped(outlier) -> None:
    runs = best_chain(votes([outlier] * 4 + [20] * 9 + [21] * 9), 4.0, 1.5).runs
    assert runs == [LevelSlices(20, 4, 13), LevelSlices(21, 13, 22)]


def test_a_gap_without_votes_is_bridged() -> None:
    costs, counts = votes([20] * 9 + [21] * 9 + [22] * 9)
    costs[9:18], counts[9:18] = 0, 0
    assert [run.level for run in best_chain((costs, counts), 4.0, 1.5).runs] == [20, 21, 22]


def test_votes_without_a_valid_chain_give_none() -> None:
    assert best_chain((np.full((5, 26), 20.0), np.full(5, 10.0)), 4.0, 1.5) == ([], 0.0)


def test_one_slice_gives_a_result() -> None:
    assert [run.level for run in best_chain(votes([5.0]), 4.0, 1.5).runs] == [5]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("T10", "T11", "T12", "T13", "L1", "L2"), (17, 18, 19, 19, 20, 21)),
        (("T9", "T10", "T11", "L1", "L2", "L3"), (16, 17, 18, 20, 21, 22)),
        (("L3", "L4", "L5", "L6", "S1"), (22, 23, 24, 24, 25)),
        (("L2", "L3", "L4", "S1"), (21, 22, 23, 25)),
        (("T11", "T12", "L1", "L2"), (18, 19, 20, 21)),
    ],
)
def test_variants_are_chosen_where_votes_support_them(names, shown) -> None:
    spacing = 3.0
    heights = [round(2 * usual_half_height_mm(name) / spacing) for name in names]
    levels = [float(level) for level, height in zip(shown, heights, strict=True) for _ in range(height)]
    found = best_chain(votes(levels, jitter=0.1), spacing, 1.5, variants=True)
    assert tuple(run.name for run in found.runs) == names
    assert [run.stop for run in found.runs] == np.cumsum(heights).tolist()
    assert all(run.number == level for run, level in zip(found.runs, shown, strict=True))


def test_without_the_variants_option_there_are_none() -> None:
    levels = [19.0] * 20 + [20.0] * 10
    assert {run.level for run in best_chain(votes(levels), 3.0, 1.5).runs} <= set(range(1, 27))
