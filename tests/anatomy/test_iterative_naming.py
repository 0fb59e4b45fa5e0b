"""Names of a chain of vertebrae: tables of levels as regressed, and gaps in space."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_functions.anatomy.iterative_naming import ChainNames, chain_names, names_by, places_from
from utility_functions.anatomy.labels import USUAL_VERTEBRAE
from utility_functions.anatomy.spine_sizes import STEP_MM

NAN = float("nan")


def named(text: str) -> tuple[str, ...]:
    return tuple("" if name == "-" else name for name in text.split())


def points_of(names: tuple[str, ...], scale: float = 1.0) -> np.ndarray:
    """Centres of these levels at their usual distances, on an inclined line."""
    steps = [STEP_MM[pair] for pair in pairwise(USUAL_VERTEBRAE)]
    heights = dict(zip(USUAL_VERTEBRAE, -scale * np.cumsum([0.0, *steps]), strict=True))
    return np.array([(0.0, 0.6 * heights[name], 0.8 * heights[name]) for name in names])


@pytest.mark.parametrize(
    ("levels", "votes", "expected"),
    [
        ([], [], ""),
        ([17.0], [1], "T10"),
        ([17.4, 18.4, 19.4], [1, 1, 1], "T10 T11 T12"),
        ([17.6, 18.6, 19.6], [1, 1, 1], "T11 T12 L1"),
        ([20, 21, 22, 23, 24], [1, 1, 1, 1, 1], "L1 L2 L3 L4 L5"),
        ([20, 21, 12, 23, 24], [1, 1, 1, 1, 1], "L1 L2 L3 L4 L5"),  # one outlier shifts nothing
        ([3, 21, 22, 23, 2], [1, 1, 1, 1, 1], "L1 L2 L3 L4 L5"),
        ([1, 9, 10, 3], [0, 1, 1, 0], "T1 T2 T3 T4"),  # incomplete vertebrae do not vote
        ([1, 9, 10, 3], [1, 0, 0, 0], "C1 C2 C3 C4"),
        ([8, 9], [0, 0], "T1 T2"),  # unless all are incomplete
        ([NAN, 9, NAN], [1, 1, 1], "T1 T2 T3"),
        ([NAN, NAN], [1, 1], "- -"),
        ([24, 25, 26], [1, 1, 1], "L4 L5 -"),  # one mask below L5 at most
        ([20, 21, 22, 23, 24, 24.8], [1] * 6, "L1 L2 L3 L4 L5 -"),  # S1 or an L6 shifts no other
        ([20.45, 21.45, 22.45, 23.45, 24.45], [1] * 5, "L1 L2 L3 L4 L5"),
        ([-3, -2, -1], [1, 1, 1], "C1 C2 C3"),
        ([100.0, 100.0], [1, 1], "L4 L5"),
    ],
)
def test_the_chain_starts_at_the_level_with_the_best_agreement(
    levels: list[float], votes: list[int], expected: str
) -> None:
    assert chain_names(levels, votes).names == named(expected)


def test_a_chain_longer_than_the_spine_is_named_where_it_can_be() -> None:
    names = chain_names(np.arange(-1, 27), np.ones(28)).names
    assert names == ("", "", *USUAL_VERTEBRAE, "", "")


def test_agreement_is_1_for_exact_levels_and_the_margin_is_positive() -> None:
    sure = chain_names([8, 9, 10], [1, 1, 1])
    assert sure.agreement == pytest.approx(1) and sure.margin == pytest.approx(1 - np.exp(-1))
    doubtful = chain_names([8.5, 9.5], [1, 1])
    assert doubtful.agreement == pytest.approx(np.exp(-0.5)) and doubtful.margin == pytest.approx(0)
    assert chain_names([], []) == ChainNames((), 0.0, 0.0)


@pytest.mark.parametrize("missing", [("T5",), ("L2",), ("C4", "C5"), ("T3", "T7", "L1"), ("T4", "T5", "T6", "T7")])
@pytest.mark.parametrize("scale", [0.87, 1.0, 1.13])
def test_a_missed_vertebra_keeps_the_count_right(missing: tuple[str, ...], scale: float) -> None:
    there = tuple(name for name in USUAL_VERTEBRAE if name not in missing)
    levels = [USUAL_VERTEBRAE.index(name) + 1.2 for name in there]
    assert chain_names(levels, np.ones(len(there)), points_of(there, scale)).names == there


@given(st.integers(0, 23), st.integers(1, 24), st.floats(0.85, 1.15))
def test_without_a_gap_no_level_is_skipped(start: int, count: int, scale: float) -> None:
    names = USUAL_VERTEBRAE[start : start + count]
    places = places_from(start + 1, len(names), points_of(names, scale))
    assert places.tolist() == list(range(start + 1, start + 1 + len(names)))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (["", "T12", "", "L2"], "T11 T12 L1 L2"),
        (["", "", "L5"], "L3 L4 L5"),
        (["L5", ""], "L5 -"),
        (["T12", "L2"], None),
        (["T12", "T13"], None),
        (["", ""], None),
        (["L5", "L4"], None),
        ([], None),
    ],
)
def test_known_names_name_the_others_unless_they_contradict(known: list[str], expected: str | None) -> None:
    assert names_by(known) == (None if expected is None else named(expected))


def test_known_names_may_have_a_gap_between_them() -> None:
    there = ("T10", "T12", "L1")
    assert names_by(["T10", "", "L1"], points_of(there)) == there


def test_levels_and_votes_have_one_length() -> None:
    with pytest.raises(ValueError, match=r"Received: 2 and 1\."):
        chain_names([1, 2], [1])
