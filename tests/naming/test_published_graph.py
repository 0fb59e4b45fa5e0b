"""The published path is the best of all paths; and its names for missing, duplicate, swapped and shifted heatmaps."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naming.heatmap_spines import USUAL, peaks_of, spine_mm
from utility_functions.anatomy.labels import LEVELS, VERTEBRAE
from utility_functions.anatomy.naming.published_graph import (
    LevelCandidate,
    best_path,
    candidates_of,
    published_names,
    step_weight,
)
from utility_functions.anatomy.naming.statistics import STEPS
from utility_functions.anatomy.peaks import Peaks


def weight(path: list[LevelCandidate]) -> float:
    return sum(each.response for each in path) + sum(step_weight(a, b, USUAL) for a, b in pairwise(path))


def best_by_trying(candidates: list[LevelCandidate]) -> float:
    """The greatest weight of any subset that is a path."""
    ordered = sorted(candidates, key=lambda each: each.level)
    paths = (list(chosen) for size in range(1, len(ordered) + 1) for chosen in combinations(ordered, size))
    return max(weight(path) for path in paths)


candidates = st.lists(
    st.builds(
        lambda level, x, z, heatmap: LevelCandidate(LEVELS.index(level), np.array([x, 0.0, z]), heatmap),
        st.sampled_from(["T11", "T12", "T13", "L1", "L4", "L5", "L6", "S1"]),
        st.floats(-20, 20),
        st.floats(-120, 0),
        st.floats(0.05, 1.0),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150)
@given(candidates)
def test_the_path_is_the_best_of_all(given_ones: list[LevelCandidate]) -> None:
    path = best_path(given_ones, USUAL)
    assert weight(path) == pytest.approx(best_by_trying(given_ones), abs=1e-9)
    assert all((LEVELS[a.level], LEVELS[b.level]) in STEPS for a, b in pairwise(path))


def test_steps_of_usual_length_and_direction_cost_nothing_and_others_are_forbidden() -> None:
    places = spine_mm(VERTEBRAE[:12])

    def candidate(name: str) -> LevelCandidate:
        return LevelCandidate(LEVELS.index(name), places[name], 1.0)

    assert step_weight(candidate("C3"), candidate("C4"), USUAL) == pytest.approx(0, abs=1e-9)
    assert step_weight(candidate("C3"), candidate("C5"), USUAL) == -np.inf
    assert step_weight(candidate("C4"), candidate("C3"), USUAL) == -np.inf
    assert step_weight(candidate("C3"), candidate("C4")._replace(point_mm=places["C3"]), USUAL) == -np.inf


def test_a_maximum_stands_for_its_own_level_and_a_tenth_for_its_neighbours() -> None:
    found = {(LEVELS[each.level], round(each.response, 6)) for each in candidates_of(one("T12", 0.8), VERTEBRAE)}
    assert found == {("T12", 0.8), ("T11", 0.08), ("T13", 0.08), ("L1", 0.08)}
    found = {LEVELS[each.level] for each in candidates_of(one("L1", 1.0), VERTEBRAE)}
    assert found == {"L1", "L2", "T12", "T13", "T11"}


def one(level: str, heatmap: float) -> Peaks:
    return Peaks(np.zeros((1, 3)), np.array([VERTEBRAE.index(level)]), np.array([heatmap]))


SOUND = ("T10", "T11", "T12", "L1", "L2", "L3")


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ([(name, name, 0.9) for name in SOUND], SOUND),
        ([(name, name, 0.9) for name in SOUND if name != "L1"], ("T10", "T11", "T12")),  # split: the heavier side
        ([(name, name, 0.9) for name in SOUND] + [("L3", "L2", 0.5), ("T10", "T11", 0.4)], SOUND),  # doubled
        ([(n, {"L1": "L2", "L2": "L1"}.get(n, n), 0.9) for n in SOUND], SOUND),  # swapped
        ([(n, "L2" if n == "L1" else n, 0.9) for n in SOUND], SOUND),  # one responds as the next
        ([(name, name, 0.9) for name in SOUND[:3]], SOUND[:3]),
        ([("L5", "L5", 0.3)], ("L5",)),
        ([], ()),
    ],
    ids=["sound", "missing", "doubled", "swapped", "shifted", "short", "alone", "nothing"],
)
def test_failures_of_heatmaps_are_named_as_the_graph_allows(
    responses: list[tuple[str, str, float]], expected: tuple[str, ...]
) -> None:
    places = spine_mm((*SOUND, "L4", "L5"))
    found = published_names(peaks_of(responses, places), VERTEBRAE, USUAL)
    assert found.names == expected
    for name, point in found:
        np.testing.assert_allclose(point, places[name], atol=1e-9)


@pytest.mark.parametrize("names", [("T11", "T12", "T13", "L1"), ("T10", "T11", "L1", "L2"), ("L4", "L5", "L6")])
def test_variants_are_allowed(names: tuple[str, ...]) -> None:
    found = published_names(peaks_of([(name, name, 0.9) for name in names], spine_mm(names)), VERTEBRAE, USUAL)
    assert found.names == names
