"""Names counted from what ends a spine: the sacrum, the last disc above it, the skull; doubts where neither is seen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from utility_functions.anatomy.naming.counted_levels import CountedBodies
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.spine_sizes import STEP_MM


def column(*levels: str) -> np.ndarray:
    """Centres at the usual distances in a straight line, from the top."""
    steps = [STEP_MM[pair] for pair in pairwise(levels)]
    return np.array([[0.0, 0.0, -z] for z in np.cumsum([0.0, *steps])])


LUMBAR = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")


def test_the_sacrum_names_all_above_it() -> None:
    points = column(*LUMBAR, "S1")
    bodies = CountedBodies(points, np.ones(8), sacral=np.array([0.0] * 7 + [0.9]))
    naming = bodies.named(scan_statistics())
    assert naming.names == (*LUMBAR, "S1") and naming.error_probability < 0.5


def test_without_a_sacrum_the_last_of_a_scan_that_goes_on_is_rather_l5() -> None:
    points = column(*LUMBAR)
    shown = CountedBodies(points, np.ones(7), goes_on=(False, True)).named(scan_statistics())
    blind = CountedBodies(points, np.ones(7)).named(scan_statistics())
    assert shown.names == LUMBAR
    assert blind.error_probability > shown.error_probability
    assert blind.error_probability > 0.3 and blind.warning()


def test_short_steps_below_the_skull_are_the_neck() -> None:
    neck = ("C2", "C3", "C4", "C5", "C6", "C7", "T1")
    named = CountedBodies(column(*neck), np.ones(7), goes_on=(True, False)).named(scan_statistics())
    assert named.names[-1] in ("C7", "T1") and named.names[0] in ("C1", "C2")


def test_no_body_is_named_s2() -> None:
    points = column(*LUMBAR, "S1", "S2")
    bodies = CountedBodies(points, np.ones(9), sacral=np.array([0.0] * 7 + [0.9, 1.0]))
    assert "S2" not in bodies.named(scan_statistics()).names


@pytest.mark.parametrize("count", [0, 1])
def test_few_bodies_are_named_or_not_without_an_error(count: int) -> None:
    named = CountedBodies(np.zeros((count, 3)), np.ones(count), goes_on=(True, True)).named(scan_statistics())
    assert len(named.names) == count
