"""Named vertebrae from votes: exact for perfect votes, and ordered for noisy ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from utility_functions.anatomy.dense_targets import dense_levels
from utility_functions.anatomy.labels import CSI_LEVELS, VERSE_IDS, anatomical_order
from utility_functions.anatomy.spine_sizes import STEP_MM
from utility_functions.anatomy.votes import ordered_votes, published_votes
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

NAMES = ("T10", "T11", "T12", "L1", "L2", "L3")
GRID = Grid.from_spacing((32, 40, 110), 2.0, (-32.0, -40.0, -110.0))


def chain(names=NAMES) -> Landmarks:
    heights = [75.0]
    for upper, lower in pairwise(names):
        heights.append(heights[-1] - STEP_MM[upper, lower])
    z = np.array(heights)
    return Landmarks(names, np.stack([0.02 * z, 5 * np.sin(z / 60), z], axis=1))


def perfect(landmarks: Landmarks) -> tuple[np.ndarray, LabelMap]:
    levels = dense_levels(landmarks, GRID)
    return levels.astype(np.float32), LabelMap((levels > 0).astype(np.uint8), GRID)


@pytest.mark.parametrize("votes", [ordered_votes, published_votes])
def test_perfect_votes_give_every_centroid_within_a_voxel(votes) -> None:
    landmarks = chain()
    named = votes(*perfect(landmarks))
    assert named.landmarks.names == NAMES
    distance = np.linalg.norm(named.landmarks.points_mm - landmarks.points_mm, axis=1)
    assert distance.max() < 3.0
    for name, point in landmarks:
        index = tuple(np.round(GRID.to_index(point)).astype(int))
        assert named.instances.voxels[index] == VERSE_IDS[name]


def test_outlying_votes_and_small_components_change_nothing() -> None:
    landmarks = chain()
    levels, detection = perfect(landmarks)
    rng = np.random.default_rng(0)
    spoilt = levels + rng.normal(0, 0.6, levels.shape).astype(np.float32)
    spoilt[rng.random(levels.shape) < 0.15] = 3.0
    voxels = detection.voxels.copy()
    voxels[:6, :6, 40:60] = 1  # a femoral head
    voxels[26:31, 30:36, 2:5] = 1  # a speck
    named = ordered_votes(np.where(levels > 0, spoilt, 24.0), LabelMap(voxels, GRID))
    assert named.landmarks.names == NAMES
    assert named.discarded == 2
    assert np.linalg.norm(named.landmarks.points_mm - landmarks.points_mm, axis=1).max() < 6.0


def test_levels_are_in_order_whatever_the_votes() -> None:
    _, detection = perfect(chain())
    rng = np.random.default_rng(2)
    for _ in range(5):
        levels = rng.uniform(0, 26, GRID.shape).astype(np.float32)
        named = ordered_votes(levels, detection).landmarks
        order = [anatomical_order(name) for name in named.names]
        assert order == sorted(order)
        assert (np.diff(named.points_mm[:, 2]) < 0).all()


@pytest.mark.parametrize("votes", [ordered_votes, published_votes])
def test_no_detection_gives_no_vertebra(votes) -> None:
    nothing = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)
    named = votes(np.full(GRID.shape, 20.0, np.float32), nothing)
    assert len(named.landmarks) == 0 and not named.instances.voxels.any()


def test_one_vertebra_alone_is_named() -> None:
    landmarks = chain(("L2",))
    named = ordered_votes(*perfect(landmarks))
    assert named.landmarks.names == ("L2",)
    assert np.linalg.norm(named.landmarks.points_mm - landmarks.points_mm) < 3


def test_the_centre_of_a_truncated_vertebra_follows_from_its_complete_end() -> None:
    landmarks = chain()
    levels, detection = perfect(landmarks)
    top = int(np.ceil(GRID.to_index(landmarks.point("T10"))[2])) + 2  # a little above its centre
    levels[:, :, top:], detection.voxels[:, :, top:] = 0, 0
    named = ordered_votes(levels, detection).landmarks
    assert named.names == NAMES
    assert np.linalg.norm(named.point("T10") - landmarks.point("T10")) < 4


def test_published_votes_drop_what_is_smaller_than_their_rule() -> None:
    landmarks = chain()
    levels, detection = perfect(landmarks)
    small = levels == 20
    keep = np.argwhere(small)[:200]
    voxels = detection.voxels * ~small
    voxels[tuple(keep.T)] = 1
    assert "L1" not in published_votes(levels, LabelMap(voxels.astype(np.uint8), GRID)).landmarks


@pytest.mark.parametrize("alone", [("L1",), NAMES[1:-1], ("T10",), ("L3",)])
def test_components_between_others_belong_to_the_spine(alone) -> None:
    landmarks = chain()
    levels, detection = perfect(landmarks)
    voxels = detection.voxels.copy()
    for name in alone:  # a gap above and below
        first, last = np.flatnonzero((levels == CSI_LEVELS[name]).any(axis=(0, 1)))[[0, -1]]
        voxels[:, :, [first, last]] = 0
    named = ordered_votes(levels, LabelMap(voxels, GRID))
    assert named.landmarks.names == NAMES and named.discarded == 0


def test_two_blobs_joined_by_a_bridge_are_no_error() -> None:
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[:6, 10:20, 20:60] = 1
    voxels[-6:, 10:20, 20:60] = 1
    voxels[:, 15, 40] = 1
    named = ordered_votes(np.full(GRID.shape, 20.0, np.float32), LabelMap(voxels, GRID))
    assert np.isfinite(named.landmarks.points_mm).all()
