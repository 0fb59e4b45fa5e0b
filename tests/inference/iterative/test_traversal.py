"""Traversals with oracles that predict from the truth, and with networks that mislead them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.iterative.patch_prediction import PatchPrediction, PatchPredictor, VoxelPoint
from learning_functions.inference.iterative.seeds import CentroidSeeds, CornerSeeds, HeatmapSeeds, Seeds
from learning_functions.inference.iterative.traversal import (
    FULL,
    HEATMAP_END,
    IMAGE_END,
    LOST,
    Rules,
    Traversal,
    traverse,
)
from tests.inference.iterative.spine_truth import (
    PATCH,
    RULES,
    SPACING_MM,
    VOXEL_MM3,
    Oracle,
    centres,
    check_kept_apart,
    check_true,
    order_of,
    spine,
)
from utility_functions.phantom.scanner import make_phantom

KINDS = ("corner", "centroids", "heat")
DIRECTIONS = ("up", "down")
rarely = settings(max_examples=15, deadline=None)


def heatmap_of(labels: NDArray[np.integer], sigma: float = 6.0) -> NDArray[np.float32]:
    heatmap = np.zeros(labels.shape, np.float32)
    for at in centres(labels).values():
        heatmap[tuple(np.rint(at).astype(int))] = 1
    heatmap = ndimage.gaussian_filter(heatmap, sigma)
    return heatmap / max(float(heatmap.max()), 1e-9)


def seeds_of(kind: str, labels: NDArray[np.integer], direction: str) -> list[Seeds]:
    corner = CornerSeeds(labels.shape, PATCH, direction)
    if kind == "centroids":
        return [CentroidSeeds(centres(labels).values(), direction), corner]
    return [HeatmapSeeds(heatmap_of(labels), PATCH, direction), corner] if kind == "heat" else [corner]


def run(
    labels: NDArray[np.integer], direction: str, kind: str, predict_patch: PatchPredictor | None = None
) -> Traversal:
    seeds = seeds_of(kind, labels, direction)
    predict_patch = predict_patch or Oracle(labels, direction)
    done = traverse(predict_patch, labels.shape, PATCH, SPACING_MM, direction, seeds, RULES)
    assert done.trail.predictions <= RULES.most_predictions(sum(start.most for start in seeds))
    check_kept_apart(done)
    return done


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("count", [1, 2, 7, 28])
def test_every_vertebra_is_found_once(count: int, direction: str, kind: str) -> None:
    labels = spine(count)
    done = run(labels, direction, kind)
    check_true(done, labels, direction)
    assert all(one.complete == 1 for one in done.found) and done.trail.start == kind
    assert done.trail.ended == IMAGE_END or kind != "corner"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_truncated_vertebrae_at_both_ends_are_found_as_incomplete(direction: str, kind: str) -> None:
    labels = spine(6, truncated=True)
    done = run(labels, direction, kind)
    check_true(done, labels, direction)
    assert [one.complete for one in done.found] == [0, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("missing", [(3,), (3, 4), (2, 3, 4, 5, 6, 7), (2, 5, 6, 9)])
def test_gaps_do_not_end_a_traversal(missing: tuple[int, ...], direction: str, kind: str) -> None:
    labels = spine(10, missing)
    check_true(run(labels, direction, kind), labels, direction)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5, 4, 3), (1, 1, 1), (30, 30, 60)])
def test_an_empty_image_has_no_vertebra(shape: tuple[int, int, int], kind: str) -> None:
    done = run(np.zeros(shape, np.uint8), "down", kind)
    assert not done.found and not done.memory.any() and done.trail.ended == IMAGE_END


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_an_image_smaller_than_the_patch_is_padded(direction: str, kind: str) -> None:
    labels = spine(2, shape_across=(13, 12), bend=0.0, truncated=True)
    assert (np.array(labels.shape) < PATCH).all()
    check_true(run(labels, direction, kind), labels, direction)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_mask_is_written_where_it_was_predicted(direction: str) -> None:
    """Centres of boxes lie at half voxels: a mask written at the moved centre would be off by one or two."""
    labels = spine(9, solid="box")
    check_true(run(labels, direction, "corner"), labels, direction)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_phantom_is_traversed_completely(direction: str) -> None:
    label_map = make_phantom(np.random.default_rng(4), "p", "lumbar", 4.0, "RAS").label_map
    labels = np.where(label_map.voxels <= 25, label_map.voxels, 0)
    for number in np.unique(labels[labels > 0]):  # of each the largest piece, where it is no sliver
        pieces, _ = ndimage.label(labels == number)
        sizes = np.bincount(pieces.ravel())[1:]
        kept = (pieces == 1 + sizes.argmax()) & (sizes.max() * VOXEL_MM3 >= 2000)
        labels[(labels == number) & ~kept] = 0
    patch = (32, 32, 24)
    for seeds in ([CornerSeeds(labels.shape, patch, direction)], [CentroidSeeds(centres(labels).values(), direction)]):
        oracle = Oracle(labels, direction, patch=patch)
        done = traverse(oracle, labels.shape, patch, SPACING_MM, direction, seeds)
        assert [round(one.level) for one in done.found] == order_of(labels, direction)
        assert (done.memory > 0)[labels > 0].mean() > 0.98 and not done.memory[labels == 0].any()


@rarely
@given(
    count=st.integers(1, 12),
    seed=st.integers(0, 10_000),
    direction=st.sampled_from(DIRECTIONS),
    kind=st.sampled_from(KINDS),
)
def test_imperfect_masks_still_give_every_vertebra_once(count: int, seed: int, direction: str, kind: str) -> None:
    rng = np.random.default_rng(seed)

    def rough(mask: NDArray[np.bool_]) -> NDArray[np.float16]:
        border = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask)
        noisy = mask ^ (border & (rng.random(mask.shape) < 0.2))
        noisy |= rng.random(mask.shape) < 0.002
        return np.where(noisy, 0.7, 0.3).astype(np.float16)

    labels = spine(count)
    done = run(labels, direction, kind, Oracle(labels, direction, blurred=rough))
    assert [round(one.level) for one in done.found] == order_of(labels, direction)


def full(corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None) -> PatchPrediction:
    return PatchPrediction(np.ones(memory.shape), 1.0, 9.0)


def nothing(corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None) -> PatchPrediction:
    return PatchPrediction(np.zeros(memory.shape), 0.0, 0.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_network_that_predicts_all_or_nothing_ends(direction: str, kind: str) -> None:
    labels = spine(6)
    for predict_patch in (full, nothing):
        done = run(labels, direction, kind, predict_patch)
        decisions = {step.decision for step in done.trail.steps}
        assert not done.found and decisions <= {"nothing", "too much", "moved"}
        assert done.trail.ended == IMAGE_END


def test_endless_masks_stop_at_the_most_vertebrae() -> None:
    rules = replace(RULES, largest_mm3=1e9, most_vertebrae=3, largest_overlap=1.0, nearest_mm=0.0)
    seeds = [CornerSeeds((40, 40, 200), PATCH, "down")]
    done = traverse(full, (40, 40, 200), PATCH, SPACING_MM, "down", seeds, rules)
    assert len(done.found) == 3 and done.trail.ended == FULL
    check_kept_apart(done)


def test_a_traversal_ends_below_the_heatmap_threshold() -> None:
    labels = spine(8)
    heatmap = heatmap_of(labels)
    heatmap[:, :, :28] = 0
    seeds = [HeatmapSeeds(heatmap, PATCH, "down", 0.3)]
    done = traverse(Oracle(labels, "down"), labels.shape, PATCH, SPACING_MM, "down", seeds)
    assert [round(one.level) for one in done.found] == [1, 2, 3, 4, 5] and done.trail.ended == HEATMAP_END


def test_a_trail_lost_before_the_image_ends_is_recorded() -> None:
    labels = spine(14, missing=range(5, 15))
    seeds = [CentroidSeeds([centres(labels)[1]], "down")]
    done = traverse(Oracle(labels, "down"), labels.shape, PATCH, SPACING_MM, "down", seeds)
    assert len(done.found) == 4 and done.trail.ended == LOST


@rarely
@given(seed=st.integers(0, 10_000), fraction=st.floats(0.0, 1.0), kind=st.sampled_from(KINDS))
def test_a_random_network_always_ends(seed: int, fraction: float, kind: str) -> None:
    rng = np.random.default_rng(seed)
    labels = spine(5)

    def random(corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None) -> PatchPrediction:
        low = rng.integers(0, np.array(PATCH) - 4)
        high = low + rng.integers(4, 14, 3)
        mask = rng.random(PATCH) < 0.05
        mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = rng.random() < fraction
        return PatchPrediction(mask, rng.random(), rng.normal(10, 10))

    assert len(run(labels, "up", kind, random).found) <= RULES.most_vertebrae


def test_a_patch_that_oscillates_converges_in_the_middle() -> None:
    """The box is always four voxels above the patch's middle when the patch is low, and below it when it is high."""

    def swaying(corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None) -> PatchPrediction:
        mask = np.zeros(PATCH)
        if not memory.any():
            middle = 8 + (4 if corner[2] < 22 else -4)
            mask[5:15, 5:15, middle - 3 : middle + 3] = 1
        return PatchPrediction(mask, 1.0, 5.0)

    seeds = [CentroidSeeds([np.array([20.0, 20.0, 28.0])], "down")]
    done = traverse(swaying, (40, 40, 60), PATCH, SPACING_MM, "down", seeds)
    decisions = [step.decision for step in done.trail.steps]
    assert decisions[:4] == ["moved", "moved", "found", "nothing"] and len(done.found) == 1


@pytest.mark.parametrize("wrong", [{"threshold": -1.0}, {"most_steps": 0}, {"nearest_mm": np.nan}])
def test_invalid_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"is a number above zero\. Received: "):
        Rules(**wrong)  # type: ignore[arg-type]


def test_a_direction_is_up_or_down() -> None:
    with pytest.raises(ValueError, match=r'"up" or "down"\. Received: \'left\''):
        traverse(nothing, (9, 9, 9), PATCH, SPACING_MM, "left", [])
