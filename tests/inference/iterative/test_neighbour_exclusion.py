"""Masks exclude the bodies of vertebrae whose centroids are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.iterative.iterative_segmenter import known_bodies
from learning_functions.inference.iterative.neighbour_exclusion import BODY_MM
from learning_functions.inference.iterative.patch_prediction import PatchPrediction, VoxelPoint
from learning_functions.inference.iterative.seeds import CentroidSeeds
from learning_functions.inference.iterative.traversal import Traversal, traverse
from tests.inference.iterative.spine_truth import PATCH, Oracle, centres, check_true, spine, window
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings

SLENDER_MM = (2.5, 2.5, 4.0)
"""Spacing at which the solids are as wide as vertebrae."""


class Greedy(Oracle):
    """Predicts the next vertebra and the one behind it, joined."""

    def __call__(
        self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None = None
    ) -> PatchPrediction:
        prediction = super().__call__(corner, memory, target)
        visible = window(self.labels, corner, self.patch)
        behind = int(prediction.level) + (1 if self.direction == "down" else -1)
        both = (np.asarray(prediction.mask) > 0) | (visible == behind)
        if not prediction.level:
            return prediction
        return replace(prediction, mask=ndimage.binary_closing(both, np.ones((1, 1, 5))).astype(np.float16))


def traversed(
    labels: NDArray[np.integer], direction: str, known: list[NDArray[np.float64]] | None, predict_patch: Oracle
) -> Traversal:
    seeds = [CentroidSeeds(centres(labels).values(), direction)]
    return traverse(
        predict_patch,
        labels.shape,
        PATCH,
        SLENDER_MM,
        direction,
        seeds,
        known=None if known is None else np.array(known),
    )


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_mask_over_two_bodies_is_split_between_them(direction: str) -> None:
    labels = spine(6)
    places = centres(labels)
    greedy = Greedy(labels, direction, voxel_mm3=25.0)
    assert len(traversed(labels, direction, None, greedy).found) < 6
    done = traversed(labels, direction, list(places.values()), greedy)
    assert len(done.found) == 6
    for number, one in zip(range(1, 7) if direction == "down" else range(6, 0, -1), done.found, strict=True):
        truth = labels[one.box] == number
        others = (labels[one.box] > 0) & ~truth & one.mask
        assert (truth & one.mask).sum() > 0.95 * (labels == number).sum() and others.sum() < 0.3 * one.mask.sum()
        for other, at in places.items():
            away = np.argwhere(one.mask) + one.start - at
            near = (np.linalg.norm(away * SLENDER_MM, axis=1) < BODY_MM).sum()
            assert other == number or near < 0.05 * one.mask.sum()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_correct_masks_do_not_change(direction: str) -> None:
    labels = spine(6)
    done = traversed(labels, direction, list(centres(labels).values()), Oracle(labels, direction, voxel_mm3=25.0))
    check_true(done, labels, direction)


def test_centroids_in_no_mask_change_nothing() -> None:
    labels = spine(4)
    for known in ([], [np.array([2.0, 2.0, 2.0])], [np.array([-50.0, 0.0, 0.0]), np.array([900.0, 0.0, 3.0])]):
        check_true(traversed(labels, "down", known, Oracle(labels, "down", voxel_mm3=25.0)), labels, "down")


def test_known_bodies_are_named_centroids_in_voxels() -> None:
    grid = Grid.from_spacing((10, 10, 10), 2.0, (5.0, 6.0, 7.0))
    named = Landmarks(("C1", "C2", "L5", "S1"), np.array([[5.0, 6.0, 21.0], [7.0, 6.0, 15.0], [5, 8, 11], [5, 6, 7]]))
    found = known_bodies(Findings("scan", grid).having(landmarks=named), grid)
    np.testing.assert_allclose(found, [[1, 0, 4], [0, 1, 2]], atol=1e-9)
    assert known_bodies(Findings("scan", grid), grid).shape == (0, 3)
