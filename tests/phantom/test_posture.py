"""Spines drawn at random agree on average with those measured on real CT scans."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from utility_functions.phantom.anatomy import SIZES
from utility_functions.phantom.posture import draw_spine, rotation
from utility_functions.phantom.shapes import Frame

# Distance to the next body centre below, mean and deviation in mm, measured on the VID data set.
MEASURED = {
    "C4": (17.2, 1.6),
    "C7": (20.0, 2.2),
    "T4": (21.6, 1.5),
    "T9": (25.4, 2.1),
    "T12": (32.4, 3.2),
    "L3": (36.5, 2.7),
}


@pytest.fixture(scope="module")
def steps() -> dict[str, np.ndarray]:
    drawn: dict[str, list] = {}
    for seed in range(150):
        spine = draw_spine(np.random.default_rng(seed))
        for name, step in zip(spine.names, np.diff(spine.centres, axis=0), strict=False):
            drawn.setdefault(name, []).append(step)
    return {name: np.array(values) for name, values in drawn.items()}


@pytest.mark.parametrize("name", MEASURED)
def test_distances_between_neighbours_are_those_measured(name: str, steps: dict[str, np.ndarray]) -> None:
    mean, deviation = MEASURED[name]
    lengths = np.linalg.norm(steps[name], axis=1)
    assert lengths.mean() == pytest.approx(mean, rel=0.05)
    assert 0.5 * deviation < lengths.std() < 1.7 * deviation


@pytest.mark.parametrize("name", [name for name in SIZES if name not in ("C1", "L6", "S1")])
def test_the_spine_leans_as_measured(name: str, steps: dict[str, np.ndarray]) -> None:
    lean = np.degrees(np.arctan2(steps[name][:, 1], -steps[name][:, 2]))
    assert lean.mean() == pytest.approx(SIZES[name].lean, abs=4)


def test_bodies_and_discs_fill_the_steps_without_overlap() -> None:
    for seed in range(30):
        vertebrae = draw_spine(np.random.default_rng(seed)).vertebrae[1:]
        for upper, lower in pairwise(vertebrae):
            step = np.linalg.norm(upper.frame.origin - lower.frame.origin)
            assert 0.03 * step < step - (upper.height + lower.height) / 2 < 0.45 * step


def test_a_frame_takes_points_out_and_back_in() -> None:
    frame = Frame(rotation(20, -10, 35), np.array([3.0, -4.0, 5.0]), 1.1)
    points = np.random.default_rng(0).normal(0, 30, (5, 3))
    assert np.allclose(frame.into(frame.out(points)), points)
    assert frame.out((0, 1, 0)) == pytest.approx(frame.origin + 1.1 * rotation(20, -10, 35)[:, 1])
