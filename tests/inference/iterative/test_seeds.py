"""Seeds of a traversal: known centroids, and a lattice over the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from learning_functions.inference.iterative.patch_prediction import PatchPrediction, VoxelPoint
from learning_functions.inference.iterative.seeds import CentroidSeeds, CornerSeeds, Seeds
from learning_functions.inference.iterative.traversal import traverse
from tests.inference.iterative.spine_truth import PATCH, RULES, SPACING_MM, Oracle, centres, check_true, order_of, spine

DIRECTIONS = ("up", "down")


@pytest.mark.parametrize("known", [(1,), (3,), (6,), (2, 5), (6, 1)])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_vertebrae_without_a_centroid_are_found_too(known: tuple[int, ...], direction: str) -> None:
    labels = spine(6)
    seeds = [CentroidSeeds([centres(labels)[number] for number in known], direction)]
    done = traverse(Oracle(labels, direction), labels.shape, PATCH, SPACING_MM, direction, seeds)
    assert sorted(round(one.level) for one in done.found) == [1, 2, 3, 4, 5, 6]


def test_false_centroids_lead_to_nothing() -> None:
    labels = spine(4)
    false = [np.array([1.0, 2.0, 3.0]), np.array([200.0, -50.0, 900.0])]
    seeds: list[Seeds] = [CentroidSeeds([*false, *centres(labels).values()], "down")]
    done = traverse(Oracle(labels, "down"), labels.shape, PATCH, SPACING_MM, "down", seeds)
    check_true(done, labels, "down")


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("blind", [1, 3, 6])
def test_bone_at_a_missed_centroid_counts_as_passed(direction: str, blind: int) -> None:
    """The network predicts nothing while the memory lacks a vertebra; it would miss all that follow."""
    labels = spine(6)
    oracle = Oracle(labels, direction)

    def predict_patch(
        corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None
    ) -> PatchPrediction:
        prediction = oracle(corner, memory, target)
        return replace(prediction, mask=np.zeros(PATCH, np.float16)) if prediction.level == blind else prediction

    for bone in (labels > 0, None):
        seeds = [CentroidSeeds(centres(labels).values(), direction, bone, SPACING_MM)]
        done = traverse(predict_patch, labels.shape, PATCH, SPACING_MM, direction, seeds, RULES)
        order = order_of(labels, direction)
        expected = [n for n in order if n != blind] if bone is not None else order[: order.index(blind)]
        assert [round(one.level) for one in done.found] == expected
    assert oracle.calls < 60


def test_without_a_good_centroid_the_image_is_searched_from_the_corner() -> None:
    labels = spine(4)
    seeds = [CentroidSeeds([np.array([0.0, 0.0, 500.0])], "up"), CornerSeeds(labels.shape, PATCH, "up")]
    done = traverse(Oracle(labels, "up"), labels.shape, PATCH, SPACING_MM, "up", seeds)
    check_true(done, labels, "up")
    assert done.trail.start == "corner"


def test_centroids_take_four_times_fewer_predictions_than_the_corner() -> None:
    """A trunk of 38 cm across and patches of 128 mm; centroids of bodies lie 2 cm in front of the masks' middles."""
    labels = np.pad(spine(24, shape_across=(30, 30)), ((33, 33), (25, 41), (30, 30)))
    bodies = [at + np.array((0.3, 5.0, 0.2)) for at in centres(labels).values()]
    patch = (32, 32, 32)
    predictions = {}
    for seeds in (CornerSeeds(labels.shape, patch, "down"), CentroidSeeds(bodies, "down")):
        oracle = Oracle(labels, "down", patch=patch)
        done = traverse(oracle, labels.shape, patch, SPACING_MM, "down", [seeds])
        check_true(done, labels, "down")
        predictions[seeds.name] = done.trail.predictions
        assert oracle.calls == done.trail.predictions
    assert 4 * predictions["centroids"] <= predictions["corner"], predictions


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 200), width=st.integers(1, 40), direction=st.sampled_from(DIRECTIONS))
def test_the_lattice_covers_every_voxel(size: int, width: int, direction: str) -> None:
    seeds = CornerSeeds((1, 1, size), (4, 4, width), direction)
    covered = np.zeros(size, bool)
    places = []
    while (centre := seeds.next(np.zeros((1, 1, size), np.uint8), None)) is not None:
        low = int(np.rint(centre[2] - (width - 1) / 2))
        covered[max(low, 0) : low + width] = True
        places.append(centre[2])
    assert covered.all() and len(places) == seeds.most
    assert places == sorted(places, reverse=direction == "down")
