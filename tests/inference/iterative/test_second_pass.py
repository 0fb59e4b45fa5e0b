"""Second pass by landmark prompts: wrong masks are corrected, and no mask is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference.iterative.iterative_segmenter import segmented
from learning_functions.inference.iterative.overlap_resolution import centre_of
from learning_functions.inference.iterative.patch_prediction import (
    Instance,
    PatchPrediction,
    PatchPredictor,
    VoxelPoint,
)
from learning_functions.inference.iterative.second_pass import SecondPass, second_pass
from tests.inference.iterative.spine_truth import SPACING_MM, centres, spine, window
from tests.inference.iterative.test_iterative_segmenter import PADDING, Reader, scan_of, settings
from tests.inference.iterative.test_landmark_prompts import PromptReader, with_prompts
from tests.views import view_of
from utility_functions.anatomy.centroids import body_centroids
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import VertebraMap

PATCH = (20, 20, 16)


def chain_of(labels: NDArray[np.integer]) -> list[Instance]:
    found = []
    for number in range(1, int(labels.max()) + 1):
        where = np.argwhere(labels == number)
        low, high = where.min(axis=0), where.max(axis=0) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        start = (int(low[0]), int(low[1]), int(low[2]))
        found.append(Instance(start, labels[box] == number, 1.0, float(number)))
    return found


def whole(one: Instance, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[one.box] = one.mask
    return mask


class PromptOracle:
    """Predicts the vertebra of ``labels`` nearest to the prompt; its memory must be empty.

    Without a prompt it predicts the first vertebra that the memory does not hold.
    """

    def __init__(self, labels: NDArray[np.integer], certainty: float = 1.0) -> None:
        self.labels, self.certainty = labels, certainty
        self.target: list[VoxelPoint] = []

    def __call__(
        self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None
    ) -> PatchPrediction:
        visible = window(self.labels, corner, PATCH)
        if target is None:
            number = int(np.unique(visible[(visible > 0) & (memory == 0)])[0])
            return PatchPrediction((visible == number).astype(np.float32), 0.75, float(number))
        assert not memory.any()
        self.target.append(target)
        return PatchPrediction(self.certainty * (visible == self.number(target)).astype(np.float32), np.nan, np.nan)

    def number(self, target: VoxelPoint) -> int:
        places = centres(self.labels)
        return min(places, key=lambda number: float(np.linalg.norm(places[number] - target)))


def segmented_again(
    predict_patch: PatchPredictor,
    found: Sequence[Instance],
    labels: NDArray[np.integer],
    points: NDArray[np.float64],
    **more: Any,
) -> SecondPass:
    grid = Grid.from_spacing(labels.shape, SPACING_MM, (5.0, -7.0, 11.0))
    return second_pass(predict_patch, found, grid, PATCH, "down", points, **more)


def points_of(labels: NDArray[np.integer], *numbers: int) -> NDArray[np.float64]:
    places = centres(labels)
    return np.array([places[number] for number in numbers or sorted(places)]).reshape(-1, 3)


def check_masks(done: SecondPass, labels: NDArray[np.integer], numbers: Sequence[int]) -> None:
    """The masks are those of these vertebrae, in this order."""
    assert len(done.found) == len(numbers)
    for number, one in zip(numbers, done.found, strict=True):
        assert np.array_equal(whole(one, labels.shape), labels == number)
        assert one.probabilities is not None and one.probabilities.shape == tuple(size + 2 for size in one.mask.shape)


def test_parts_labelled_as_a_neighbour_are_corrected() -> None:
    labels = spine(4)
    wrong = labels.copy()
    wrong[:10][labels[:10] == 2] = 3
    done = segmented_again(PromptOracle(labels), chain_of(wrong), labels, points_of(labels))
    check_masks(done, labels, (1, 2, 3, 4))
    assert [(one.complete, one.level) for one in done.found] == [(1.0, n) for n in (1, 2, 3, 4)], "as in the traversal"
    assert done.predictions == 4


def test_vertebrae_without_a_known_centroid_are_prompted_at_their_bodies() -> None:
    labels = spine(3)
    predict_patch = PromptOracle(labels)
    segmented_again(predict_patch, chain_of(labels), labels, np.zeros((0, 3)))
    for number, target in enumerate(predict_patch.target, start=1):
        assert labels[tuple(np.rint(target).astype(int))] == number
    known = points_of(labels, 2) + np.array((1.0, 0.0, 0.0))
    predict_patch = PromptOracle(labels)
    segmented_again(predict_patch, chain_of(labels), labels, known)
    assert np.array_equal(predict_patch.target[1], known[0]) and not np.array_equal(predict_patch.target[0], known[0])


def test_c1_is_prompted_at_the_middle_of_its_ring() -> None:
    ring = np.zeros((1, 20, 8), bool)
    ring[:, :8], ring[:, 14:, 2:6], ring[:, :, 3:5] = True, True, True
    ring = np.repeat(ring, 9, axis=0)
    for level, at_mean in ((1.2, True), (2.0, False), (np.nan, False)):
        centre = centre_of(Instance((3, 4, 5), ring, 1.0, level), SPACING_MM)
        assert np.array_equal(centre, np.argwhere(ring).mean(axis=0) + np.array((3, 4, 5))) == at_mean


class Greedy(PromptOracle):
    """For the second vertebra also predicts, with a smaller probability, all of the third."""

    def __call__(
        self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None
    ) -> PatchPrediction:
        prediction = super().__call__(corner, memory, target)
        if target is None or self.number(target) != 2:
            return prediction
        visible = window(self.labels, corner, PATCH)
        joined = np.isin(visible, (2, 3)) * np.float32(0.6)
        between = (visible == 2).any(axis=2)[:, :, None] & (joined.cumsum(axis=2) > 0)
        return replace(prediction, mask=np.maximum(np.asarray(prediction.mask), np.maximum(joined, between * 0.6)))


def test_overlaps_go_to_the_likeliest_mask() -> None:
    labels = spine(3)
    masks = [
        whole(one, labels.shape)
        for one in segmented_again(Greedy(labels), chain_of(labels), labels, points_of(labels))[0]
    ]
    assert np.array_equal(masks[2], labels == 3) and not (masks[1] & masks[2]).any()
    assert masks[1][labels == 2].all()


@pytest.mark.parametrize("certainty", [0.0, 0.3])
def test_a_second_pass_without_a_mask_changes_nothing(certainty: float) -> None:
    labels = spine(3)
    done = segmented_again(PromptOracle(labels, certainty), chain_of(labels), labels, points_of(labels))
    for number, one in enumerate(done.found, start=1):
        assert np.array_equal(whole(one, labels.shape), labels == number) and len(done.found) == 3


@pytest.mark.parametrize("known", [(1, 2, 3, 4), (1, 2, 4), (1, 3, 4), (2,), (3,)])
def test_a_mask_over_two_vertebrae_becomes_two_where_both_are_known_or_detected(known: tuple[int, ...]) -> None:
    labels = spine(4)
    merged = np.where(labels == 3, 2, np.where(labels == 4, 3, labels))
    done = segmented_again(PromptOracle(labels), chain_of(merged), labels, points_of(labels, *known), bodies=labels > 0)
    masks = {int(labels[whole(one, labels.shape)].max()): one for one in done.found}
    assert sorted(masks) == [1, 2, 3, 4]
    for number, one in masks.items():
        assert np.array_equal(whole(one, labels.shape), labels == number)


def test_a_truncated_and_a_whole_vertebra_in_one_mask_are_split() -> None:
    labels = spine(3)
    rows = np.argwhere(labels == 1)[:, 2]
    labels[:, :, int(np.median(rows)) + 1 :][labels[:, :, int(np.median(rows)) + 1 :] == 1] = 0
    merged = np.where(labels > 1, labels - 1, labels)
    done = segmented_again(PromptOracle(labels), chain_of(merged), labels, points_of(labels))
    assert sorted(int(labels[whole(one, labels.shape)].max()) for one in done.found) == [1, 2, 3]
    for one in done.found:
        assert len(np.unique(labels[whole(one, labels.shape)])) == 1


def test_two_masks_of_one_vertebra_become_one() -> None:
    labels = spine(3)
    split = np.where(labels == 3, 4, labels)
    split[:13][labels[:13] == 2] = 3
    for points in (points_of(labels), np.zeros((0, 3))):
        done = segmented_again(PromptOracle(labels), chain_of(split), labels, points)
        check_masks(done, labels, [int(labels[whole(one, labels.shape)].max()) for one in done.found])
        assert len(done.found) == 3


def test_a_centroid_between_two_vertebrae_takes_neither_from_the_other() -> None:
    labels = spine(3)
    points = points_of(labels)
    points[1] = points[1] + 0.55 * (points[0] - points[1])  # nearer to the first than to its own
    done = segmented_again(PromptOracle(labels), chain_of(labels), labels, points)
    check_masks(done, labels, (1, 2, 3))


def test_a_suppressed_proposal_returns_its_voxels() -> None:
    labels = spine(3)

    class Confused(PromptOracle):
        """Prompted for the first vertebra, predicts the second, in a part of it with a higher probability."""

        def __call__(
            self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None
        ) -> PatchPrediction:
            prediction = super().__call__(corner, memory, target)
            if target is None or self.number(target) != 1:
                return replace(prediction, mask=np.asarray(prediction.mask) * 0.8)
            own = window(self.labels, corner, PATCH) == 2
            return replace(prediction, mask=own * np.where(np.arange(PATCH[0]) < 9, 0.9, 0.7)[:, None, None])

    done = segmented_again(Confused(labels), chain_of(labels), labels, points_of(labels))
    for number, one in enumerate(done.found, start=1):
        assert np.array_equal(whole(one, labels.shape), labels == number)


@pytest.mark.parametrize("how", ["named", "detected"])
def test_a_vertebra_that_the_chain_missed_is_segmented(how: str) -> None:
    labels = spine(5)
    found = [one for one in chain_of(labels) if one.level != 3]
    points = points_of(labels) if how == "named" else points_of(labels, 1, 2, 4, 5)
    bodies = labels > 0 if how == "detected" else None
    done = segmented_again(PromptOracle(labels), found, labels, points, bodies=bodies)
    check_masks(done, labels, (1, 2, 4, 5, 3))
    assert (done.found[-1].complete, done.found[-1].level) == (0.75, 3.0)
    assert done.predictions == 6


def test_bodies_outside_the_chain_are_not_segmented() -> None:
    labels = spine(5)
    found = [one for one in chain_of(labels) if one.level in (2, 3, 4)]
    done = segmented_again(PromptOracle(labels), found, labels, points_of(labels, 2, 3, 4), bodies=labels > 0)
    check_masks(done, labels, (2, 3, 4))
    assert segmented_again(PromptOracle(labels), [], labels, np.zeros((0, 3)), bodies=labels > 0) == ((), 0)


def test_the_offset_of_the_patch_holds_in_every_orientation() -> None:
    labels = spine(3)
    corners = []
    for axcodes in ("RAS", "LPS"):
        image = Volume(labels.astype(np.float32), Grid.from_spacing(labels.shape, SPACING_MM)).reoriented(axcodes)
        turned = np.rint(image.voxels).astype(np.uint8)

        class Placed(PromptOracle):
            def __call__(
                self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None
            ) -> PatchPrediction:
                at = (np.asarray(corner) + (np.asarray(PATCH) - 1) / 2) - target
                corners.append(image.grid.to_mm(at) - image.grid.to_mm((0, 0, 0)))  # noqa: B023
                return super().__call__(corner, memory, target)

        second_pass(
            Placed(turned), chain_of(turned), image.grid, PATCH, "down", points_of(turned), offset_mm=(0.0, -16.0, 0.0)
        )
    assert np.abs(np.array(corners) - (0.0, -16.0, 0.0)).max() <= max(SPACING_MM) / 2


class TwoBranch(PromptReader):
    """Unprompted, predicts most of each vertebra by the memory; prompted, the whole one."""

    def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        prompted = super().predict_on_batch(batch)
        if batch[..., 2].any():
            return prompted
        found = Reader(scan_of(4)[0]).predict_on_batch(batch[..., :2])
        half = np.cumsum(found["mask"], axis=1) <= found["mask"].sum(axis=1, keepdims=True) * 0.75
        return {**found, "mask": found["mask"] * half}


@pytest.mark.parametrize("with_names", [True, False])
def test_the_second_pass_follows_the_card(with_names: bool) -> None:
    image, truth = scan_of(4)
    network = TwoBranch()
    landmarks = body_centroids(truth) if with_names else None
    findings = Findings("scan", image.grid, landmarks=landmarks)
    found = segmented(network, with_prompts(settings(), second_pass=True), view_of(image, findings, PADDING))
    assert sum(prompt > 0 for prompt in network.prompts) == 4 and not any(network.prompts[:-4]), (
        "prompted once all are found"
    )
    assert found.instances is not None and found.trail is not None
    assert np.array_equal(found.instances.voxels, truth.voxels)
    assert (
        found.trail.predictions + found.trail.second_pass_predictions == len(network.prompts)
        and found.trail.second_pass_predictions == 4
    )


@pytest.mark.parametrize("bodies", [True, False])
def test_where_the_traversal_finds_nothing_named_vertebrae_are_segmented(bodies: bool) -> None:
    image, truth = scan_of(4)
    landmarks = body_centroids(truth)
    findings = Findings("scan", image.grid, landmarks=landmarks, instances=truth if bodies else None)
    found = segmented(PromptReader(), with_prompts(settings(), second_pass=True), view_of(image, findings, PADDING))
    assert found.instances is not None and np.array_equal(found.instances.voxels, truth.voxels)
    assert (
        found.landmarks is not None
        and found.landmarks.names == landmarks.names
        and isinstance(found.instances, VertebraMap)
    )
    assert not any("No " in note for note in found.notes)
