"""Threshold search: other chains are tried where one contradicts what was found before, and the best one is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference.iterative.iterative_segmenter import segmented
from learning_functions.inference.iterative.patch_prediction import Instance
from learning_functions.inference.iterative.threshold_search import (
    best_agreeing_chain,
    dice_with_detection,
    is_inconsistent,
)
from learning_functions.inference.iterative.traversal import Traversal
from tests.inference.iterative.test_iterative_segmenter import PADDING, Reader, scan_of, settings
from tests.views import view_of
from utility_functions.anatomy.centroids import body_centroids
from utility_functions.anatomy.parts import BODY
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import PartMap, TubeMap
from utility_functions.records.trail import Step, Trail

GRID = Grid.from_spacing((8, 8, 20), 2.0)
LEAST = 0.85
"""A chain whose Dice with the bone is smaller is inconsistent."""
BONE = np.zeros(GRID.shape, bool)
BONE[2:6, 2:6, 2:6] = BONE[2:6, 2:6, 10:14] = True
LOW, HIGH = (Instance((2, 2, z), np.ones((4, 4, 4), bool), 1.0, 20.0) for z in (2, 10))


def chain(*found: Instance) -> Traversal:
    steps = tuple(Step((0.0, 0.0, 0.0), 1.0, "found") for _ in range(1 + len(found)))
    return Traversal(found, np.zeros(GRID.shape, np.uint8), Trail("down", "centroids", steps, ""))


def named(**heights: float) -> Findings:
    points = np.array([GRID.to_mm((3.5, 3.5, z)) for z in heights.values()]).reshape(-1, 3)
    return Findings("scan", GRID).having(landmarks=Landmarks(tuple(heights), points))


@pytest.mark.parametrize(
    ("heights", "inconsistent"),
    [
        ({"L1": 12.0, "L2": 4.0}, False),
        ({"L1": 14.0, "L2": 4.0}, False),  # one voxel above the mask
        ({"L1": 15.0, "L2": 4.0}, True),
        ({"L1": 12.0, "L2": 7.4}, True),
        ({"L1": 13.0, "L2": 10.0}, True),  # two in one mask
        ({"C1": 17.0, "C2": 12.0}, False),  # a centroid in the ring
        ({"L1": 12.0, "S1": 17.0}, False),  # no vertebra that the traversal finds
        ({"L1": 30.0}, False),  # outside the image
        ({}, False),
    ],
)
def test_a_centroid_in_no_mask_or_two_in_one_are_inconsistent(heights: dict[str, float], inconsistent: bool) -> None:
    assert is_inconsistent((HIGH, LOW), named(**heights), BONE, GRID, LEAST) is inconsistent


def test_masks_with_a_small_dice_with_bone_are_inconsistent() -> None:
    more = BONE.copy()
    more[:2, :, 4:12] = True
    assert is_inconsistent((HIGH, LOW), named(L1=12.0, L2=4.0), more, GRID, LEAST)


def test_a_centroid_between_two_masks_belongs_to_either() -> None:
    above = Instance((2, 2, 6), np.ones((4, 4, 4), bool), 1.0, 20.0)
    bone = BONE.copy()
    bone[above.box] = True
    assert not is_inconsistent((HIGH, above, LOW), named(L1=12.0, L2=9.4, L3=4.0), bone, GRID, LEAST)


def test_without_names_nothing_is_inconsistent() -> None:
    assert not is_inconsistent((), Findings("scan", GRID), BONE, GRID, LEAST)


def test_dice_with_the_detection() -> None:
    assert dice_with_detection((HIGH, LOW), BONE) == 1.0
    assert dice_with_detection((HIGH,), BONE) == pytest.approx(2 / 3)
    assert dice_with_detection((HIGH, HIGH), BONE) == pytest.approx(2 / 3)
    assert dice_with_detection((), BONE) == dice_with_detection((), ~BONE & BONE) == 0.0


def requested_of(
    chains: dict[float, Traversal], bone: NDArray[np.bool_] | None, others: tuple[float, ...]
) -> list[float]:
    """The thresholds requested, and last that of the chain kept."""
    requested = []

    def chain_at(threshold: float) -> Traversal:
        requested.append(threshold)
        return chains[threshold]

    kept = best_agreeing_chain(chain_at, 0.4, others, named(L1=12.0, L2=4.0), bone, GRID, LEAST)
    total = sum(chains[threshold].trail.predictions for threshold in requested)
    assert kept.trail.predictions == total, "predictions of discarded chains count, too"
    return [*requested, next(threshold for threshold, one in chains.items() if one.found == kept.found)]


def test_of_several_chains_the_one_with_the_best_dice_is_kept() -> None:
    chains = {0.4: chain(HIGH), 0.5: chain(), 0.3: chain(HIGH, LOW)}
    assert requested_of(chains, BONE, (0.5, 0.3)) == [0.4, 0.5, 0.3, 0.3]
    assert requested_of(chains, BONE, (0.5,)) == [0.4, 0.5, 0.4]
    assert requested_of({0.4: chain(HIGH), 0.5: chain(LOW)}, BONE, (0.5,)) == [0.4, 0.5, 0.4], "the first of equals"
    bone = np.pad(BONE, 12)  # so that a voxel more or less is next to nothing
    bone[:12] = True
    larger = Instance((2, 2, 2), np.ones((4, 4, 5), bool), 1.0, 20.0)
    assert dice_with_detection((HIGH, larger), bone) > dice_with_detection((HIGH,), bone)
    assert requested_of({0.4: chain(HIGH), 0.5: chain(larger)}, bone, (0.5,)) == [0.4, 0.5, 0.4], "or as good as"


def test_no_other_chain_is_tried_without_need_or_without_a_detection() -> None:
    chains = {0.4: chain(HIGH, LOW), 0.5: chain()}
    assert requested_of(chains, BONE, (0.5,)) == [0.4, 0.4]
    chains = {0.4: chain(HIGH), 0.3: chain(HIGH, LOW)}
    assert requested_of(chains, None, (0.3,)) == [0.4, 0.4]
    assert requested_of(chains, BONE, ()) == [0.4, 0.4]


@dataclass
class Uncertain(Reader):
    """Predicts one level with a probability of 0.35 and all others with 0.9."""

    uncertain_level: int = 0

    def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        answer = super().predict_on_batch(batch)
        probability = 0.35 if round(float(answer["level"][0, 0])) == self.uncertain_level else 0.9
        return {**answer, "mask": answer["mask"] * np.float32(probability)}


@pytest.mark.parametrize(("others", "parts", "found"), [((), True, 4), ((0.3,), True, 5), ((0.3,), False, 4)])
def test_a_traversal_tries_the_other_thresholds_of_the_card(others: tuple[float, ...], parts: bool, found: int) -> None:
    image, truth = scan_of(5)
    landmarks = body_centroids(truth)
    bone = (PartMap if parts else TubeMap)((truth.voxels > 0).astype(np.uint8) * np.uint8(BODY), truth.grid)
    before = Findings("scan", image.grid, landmarks=landmarks, detection=bone)
    chosen = settings().with_options(threshold=0.4, other_thresholds=others, least_agreement=LEAST)
    middle = round(float(np.unique(image.voxels[image.voxels > 0])[2]) * 100)
    view = view_of(image, before, PADDING, naming="published")
    traversed = segmented(Uncertain(image, uncertain_level=middle), chosen, view)
    assert traversed.instances is not None
    assert len(np.unique(traversed.instances.voxels)) - 1 == found
