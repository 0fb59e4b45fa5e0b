"""Random spines agree on average with measurements on real CT scans, and have the levels of their variant."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from utility_functions.anatomy.labels import VERSE_IDS, anatomical_order
from utility_functions.phantom.curves import scoliosis
from utility_functions.phantom.posture import draw_spine, rotation
from utility_functions.phantom.shapes import Frame
from utility_functions.phantom.spine_model import SIZES, Spine
from utility_functions.phantom.variants import PROBABILITIES, draw_variant

# Measured on the VID data set: distance to the next body centre below, mean and deviation in mm; bend at this level
# between the steps above and below it, median and spread of the middle two thirds in degrees.
MEASURED = {
    "C4": (17.2, 1.7, -3.0, 5.8),
    "C7": (20.0, 2.2, -6.0, 6.0),
    "T2": (21.2, 2.2, 2.1, 4.0),
    "T4": (21.7, 1.6, 5.0, 2.9),
    "T7": (23.3, 1.8, 5.5, 3.0),
    "T9": (25.4, 2.1, 1.3, 4.6),
    "T11": (29.7, 2.3, 0.7, 4.3),
    "T12": (32.4, 3.1, 0.6, 4.1),
    "L1": (34.5, 2.6, 1.1, 3.7),
    "L2": (35.8, 2.7, -2.6, 4.3),
    "L3": (36.5, 2.7, -7.5, 4.5),
    "L4": (36.3, 3.1, -13.0, 5.2),
}


@pytest.fixture(scope="module")
def spines() -> list[Spine]:
    tilts = [np.random.default_rng(1000 + seed).normal(0, (3, 2.5, 4)) for seed in range(250)]
    return [draw_spine(np.random.default_rng(seed), rotation(*tilt)) for seed, tilt in enumerate(tilts)]


@pytest.fixture(scope="module")
def steps(spines: list[Spine]) -> dict[str, np.ndarray]:
    """Steps to the next level below by name, of spines with the usual levels."""
    usual = [
        np.diff(spine.centres, axis=0)
        for spine in spines
        if len(spine.names) == 25 and spine.variant.names[18] == "T12"
    ]
    return {name: np.array([step[i] for step in usual]) for i, name in enumerate(spines[0].names[:-1])}


def lean_of(steps: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(steps[:, 1], -steps[:, 2]))


@pytest.mark.parametrize("name", MEASURED)
def test_distances_between_neighbours_are_those_measured(name: str, steps: dict[str, np.ndarray]) -> None:
    mean, deviation, _, _ = MEASURED[name]
    lengths = np.linalg.norm(steps[name], axis=1)
    assert lengths.mean() == pytest.approx(mean, rel=0.04)
    assert 0.6 * deviation < lengths.std() < 1.5 * deviation


@pytest.mark.parametrize("name", MEASURED)
def test_curvature_matches_the_measured_one(name: str, steps: dict[str, np.ndarray]) -> None:
    _, _, mean, spread = MEASURED[name]
    above = list(SIZES)[list(SIZES).index(name) - 1] if name != "L1" else "T12"
    bends = lean_of(steps[name]) - lean_of(steps[above])
    low, middle, high = np.percentile(bends, [16, 50, 84])
    assert middle == pytest.approx(mean, abs=3)
    assert 0.6 * spread < (high - low) / 2 < 1.6 * spread


@pytest.mark.parametrize("name", [name for name in SIZES if name not in ("C1", "T13", "L6", "S1")])
def test_inclination_matches_the_measured_one(name: str, steps: dict[str, np.ndarray]) -> None:
    assert lean_of(steps[name]).mean() == pytest.approx(SIZES[name].lean, abs=4)


def test_some_spines_have_scoliosis_and_a_few_a_severe_one(spines: list[Spine]) -> None:
    # VID: half of the scans of five levels or more range over 10 degrees from side to side, a tenth over 19.
    steps = [np.diff(spine.centres, axis=0)[-9:-1] for spine in spines]
    ranges = [np.ptp(np.degrees(np.arctan2(step[:, 0], -step[:, 2]))) for step in steps]
    half, tenth, few = np.percentile(ranges, [50, 90, 99])
    assert 6 < half < 13
    assert 11 < tenth < 27
    assert 24 < few < 60


@pytest.mark.parametrize(("cobb", "apex"), [(30.0, 14.0), (-50.0, 18.0)])
def test_a_scoliosis_has_its_angle_and_turns_bodies_to_its_convex_side(cobb: float, apex: float) -> None:
    side, twist = scoliosis(25, cobb, apex, 4.0)
    assert np.ptp(side) == pytest.approx(abs(cobb), rel=0.1)
    shift = -np.cumsum(np.tan(np.radians(side[::-1])))[::-1]  # of each level to the right of the lowest
    bulge = shift[int(apex)] - (shift[int(apex) - 4] + shift[int(apex) + 4]) / 2
    assert np.sign(bulge) == np.sign(cobb)
    front = rotation(yaw=twist[int(apex)]) @ [0, 1, 0]
    assert np.sign(front[0]) == np.sign(cobb)
    assert 0.3 < abs(twist[int(apex)] / cobb) < 0.6


def test_bodies_and_discs_fill_the_steps_without_overlap() -> None:
    for seed in range(60):
        spine = draw_spine(np.random.default_rng(seed))
        for upper, lower in pairwise(spine.vertebrae[1:]):
            step = np.linalg.norm(upper.frame.origin - lower.frame.origin)
            assert 0.015 * step < step - (upper.height + lower.height) / 2 < 0.45 * step, (seed, upper.name)


def test_levels_stand_in_anatomical_order_and_have_ids_of_their_own() -> None:
    kinds: dict[str, list[tuple[str, ...]]] = {}
    for seed in range(1500):
        variant = draw_variant(np.random.default_rng(seed))
        kinds.setdefault(variant.kind, []).append(variant.names)
        order = [anatomical_order(name) for name in variant.names]
        assert order == sorted(set(order))
        assert variant.transitional == (variant.kind in ("sacralised L5", "lumbarised S1"))
        assert len({VERSE_IDS[name] for name in variant.names}) == len(variant.names)
    for kind, probability in PROBABILITIES.items():
        assert 0.5 * probability < len(kinds[kind]) / 1500 < 1.6 * probability
    assert "L6" in kinds["L6"][0] and "L6" in kinds["lumbarised S1"][0]
    assert "T13" in kinds["T13"][0] and "T12" not in kinds["no T12"][0]


def test_t11_replaces_a_missing_t12(spines: list[Spine]) -> None:
    short = next(spine for spine in spines if spine.variant.kind == "no T12")
    assert "T12" not in short.names
    assert short["T12"] is short["T11"]


def test_healthy_spines_have_the_usual_levels_and_no_findings() -> None:
    for seed in range(20):
        spine = draw_spine(np.random.default_rng(seed), healthy=True)
        assert spine.variant.kind == "usual"
        assert spine.pathology.findings == ()


def test_a_frame_takes_points_out_and_back_in() -> None:
    frame = Frame(rotation(20, -10, 35), np.array([3.0, -4.0, 5.0]), 1.1)
    points = np.random.default_rng(0).normal(0, 30, (5, 3))
    assert np.allclose(frame.into(frame.out(points)), points)
    assert frame.out((0, 1, 0)) == pytest.approx(frame.origin + 1.1 * rotation(20, -10, 35)[:, 1])
