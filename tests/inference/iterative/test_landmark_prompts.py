"""Landmark prompts of the target: networks with a prompt channel get them, no others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference.iterative import iterative_segmenter
from learning_functions.inference.iterative.finer_masks import refined
from learning_functions.inference.iterative.iterative_segmenter import patch_predictor, segmented, unnamed_before
from learning_functions.inference.iterative.patch_prediction import PatchPrediction, VoxelPoint
from learning_functions.inference.iterative.seeds import CentroidSeeds, CornerSeeds
from learning_functions.inference.iterative.traversal import REPEATED, Rules, traverse
from learning_functions.task import Settings
from tests.inference.iterative.spine_truth import SPACING_MM, Oracle, centres, check_true, order_of, spine, window
from tests.inference.iterative.test_iterative_segmenter import PADDING, PATCH, TOP, Reader, scan_of, settings
from tests.views import view_of
from utility_functions.anatomy.centroids import body_centroids
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings, StageFindings


def with_prompts(own: Settings, **options: Any) -> Settings:
    more = {"prompted_fraction": 0.5, "prompt_sigma_mm": 3.0, **options}
    return own.with_options(**more)


@dataclass
class PromptReader:
    """Predicts the vertebra at the prompt, whatever the memory holds; nothing without a prompt."""

    prompts: list[float] = field(default_factory=list)

    def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        assert batch.shape == (1, *PATCH, 3)
        levels, prompt = np.rint(batch[0, ..., 0] * 100).astype(int), batch[0, ..., 2]
        self.prompts.append(float(prompt.max()))
        level = levels[np.unravel_index(int(prompt.argmax()), prompt.shape)] if prompt.any() else 0
        own = (levels == level) & (levels > 0)
        return Reader.answer(own, float(level > 0), float(level))


def test_a_traversal_from_landmarks_prompts_with_each_of_them() -> None:
    image, truth = scan_of(5)
    network = PromptReader()
    findings = Findings("scan", image.grid, landmarks=body_centroids(truth))
    found = segmented(network, with_prompts(settings()), view_of(image, findings, PADDING))
    assert found.instances is not None and np.array_equal(found.instances.voxels, truth.voxels)
    assert found.landmarks is not None and found.landmarks.names == body_centroids(truth).names
    assert min(prompt for prompt in network.prompts if prompt) > 150
    assert 0 in network.prompts, "after the last one the traversal goes on without a prompt"


def test_without_landmarks_there_is_no_prompt() -> None:
    image, _ = scan_of(3)
    network = PromptReader()
    segmented(network, with_prompts(settings()), view_of(image, padding=PADDING))
    assert set(network.prompts) == {0.0}


def test_only_target_centroids_are_passed_on() -> None:
    labels = spine(4)

    class Recorder(Oracle):
        def __call__(
            self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None = None
        ) -> PatchPrediction:
            targets.append(target)
            return super().__call__(corner, memory, target)

    places = centres(labels)
    for seeds, expected in (
        (CentroidSeeds(places.values(), "down", unnamed_before=[False] * 4), list(places.values())),
        (CentroidSeeds(places.values(), "down"), []),
        (CornerSeeds(labels.shape, (20, 20, 16), "down"), []),
    ):
        targets: list[VoxelPoint | None] = []
        done = traverse(Recorder(labels, "down"), labels.shape, (20, 20, 16), SPACING_MM, "down", [seeds])
        check_true(done, labels, "down")
        assert {tuple(at) for at in targets if at is not None} == {tuple(at) for at in expected}


@pytest.mark.parametrize("is_prompted", [True, False])
def test_a_network_without_a_prompt_channel_gets_no_prompt(is_prompted: bool) -> None:
    image = Volume(np.full((30, 30, 30), 0.5, np.float32), Grid.from_spacing((30, 30, 30), SPACING_MM, (1.0, 2.0, 3.0)))
    own = with_prompts(settings()) if is_prompted else settings()
    batches: list[NDArray[np.float32]] = []

    class Recorder:
        def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
            batches.append(batch)
            return Reader.answer(np.zeros(PATCH), 0.0, 0.0)

    target = np.array((12.0, 11.0, 9.0))
    patch_predictor(Recorder(), own, image, PADDING)((5, 4, 3), np.zeros(PATCH, np.uint8), target)
    [batch] = batches
    assert batch.shape == (1, *PATCH, 3 if is_prompted else 2)
    if is_prompted:
        assert batch[0, 7, 7, 6, 2] == 255 and batch[0, ..., 2].argmax() == np.ravel_multi_index((7, 7, 6), PATCH)


def test_refinement_prompts_with_the_landmark() -> None:
    image, truth = scan_of(3, top=TOP)
    network = PromptReader()
    own = with_prompts(settings(), refine_mm=SPACING_MM)

    def image_at(grid: Grid) -> Volume:
        first = np.rint(image.grid.to_index(grid.to_mm((0, 0, 0)))).astype(int)
        return replace(image.window(first, grid.shape, fill=0.0), grid=grid)

    view = view_of(image, padding=PADDING).having(image_at=image_at)
    found = refined(network, own, view, StageFindings(landmarks=body_centroids(truth), instances=truth))
    assert found.instances is not None and np.array_equal(found.instances.voxels, truth.voxels) and not found.notes
    assert max(network.prompts) > 150


def test_refinement_after_a_second_pass_uses_no_prompt() -> None:
    image, truth = scan_of(3, top=TOP)
    network = PromptReader()
    own = with_prompts(settings(), refine_mm=SPACING_MM, second_pass=True)

    def image_at(grid: Grid) -> Volume:
        return image.window((0, 0, 0), grid.shape, fill=0.0)

    view = view_of(image, padding=PADDING).having(image_at=image_at)
    refined(network, own, view, StageFindings(landmarks=body_centroids(truth), instances=truth))
    assert set(network.prompts) == {0.0}


@pytest.mark.parametrize(
    ("away_mm", "branch"), [(0.0, "prompted"), (6.0, "prompted"), (7.0, "unprompted"), (400.0, "unprompted")]
)
def test_a_prompt_that_the_patch_hardly_shows_counts_as_none(monkeypatch: Any, away_mm: float, branch: str) -> None:
    image = Volume(np.full((30, 30, 30), 0.5, np.float32), Grid.from_spacing((30, 30, 30), (2.0, 2.0, 2.0)))
    calls: list[str] = []

    class Branch:
        def __init__(self, name: str) -> None:
            self.name = name

        def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
            calls.append(self.name)
            return Reader.answer(np.zeros(PATCH), 0.0, 0.0)

    monkeypatch.setattr(iterative_segmenter, "branches", lambda network: (Branch("unprompted"), Branch("prompted")))
    first_voxel = np.array((5.0, 10.0, 10.0))
    patch_predictor(None, with_prompts(settings()), image, PADDING)(
        (5, 4, 3), np.zeros(PATCH, np.uint8), first_voxel - (away_mm / 2.0, 0.0, 0.0)
    )
    assert calls == [branch]


class Both(Oracle):
    """Predicts the target; without one, as in a traversal, the first vertebra that the memory does not hold."""

    def __call__(
        self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None = None
    ) -> PatchPrediction:
        if target is None:
            return super().__call__(corner, memory)
        number = int(self.labels[tuple(np.rint(target).astype(int))])
        own = window(self.labels, corner, self.patch) == number
        self.calls += 1
        return PatchPrediction(own.astype(np.float16), float(own.any()), float(number))


def order_before(number: int, direction: str) -> int:
    return number - 1 if direction == "down" else number + 1


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("unknown", [(1,), (7,), (4,), (3,), (1, 4), (1, 7), (2, 4, 6), (1, 3, 5, 7), (2, 3, 5, 6), ()])
def test_vertebrae_without_a_centroid_are_found_before_and_between_others(
    unknown: tuple[int, ...], direction: str
) -> None:
    labels = spine(7)
    numbers = [number for number in centres(labels) if number not in unknown]
    known = [centres(labels)[number] for number in numbers]
    unnamed_before = [
        number != order_of(labels, direction)[0] and order_before(number, direction) in unknown for number in numbers
    ]
    seeds = CentroidSeeds(known, direction, labels > 0, SPACING_MM, unnamed_before=unnamed_before)
    predict_patch = Both(labels, direction)
    done = traverse(predict_patch, labels.shape, (20, 20, 16), SPACING_MM, direction, [seeds], Rules())
    check_true(done, labels, direction)
    assert done.trail.predictions <= Rules().most_predictions(seeds.most)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_an_unprompted_mask_is_kept_only_before_the_target(direction: str) -> None:
    """The network always predicts the vertebra behind when it has no prompt."""
    labels = spine(4)

    class Hasty(Both):
        def __call__(
            self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None = None
        ) -> PatchPrediction:
            behind = memory if target is not None else (order_of(labels, direction)[0] == labels).astype(np.uint8)
            shown = behind if target is not None else window(behind, corner, self.patch) | memory
            return super().__call__(corner, shown, target)

    seeds = CentroidSeeds(centres(labels).values(), direction, labels > 0, SPACING_MM, unnamed_before=[True] * 4)
    done = traverse(Hasty(labels, direction), labels.shape, (20, 20, 16), SPACING_MM, direction, [seeds])
    check_true(done, labels, direction)
    assert REPEATED in [step.decision for step in done.trail.steps]


def ring_and_dens() -> tuple[NDArray[np.uint8], list[VoxelPoint]]:
    """A ring (1) round the dens of the next (2), and a third vertebra; centroids as of C1, C2 and C3."""
    labels = np.zeros((40, 40, 44), np.uint8)
    x, y, z = np.indices(labels.shape) - np.array((20, 20, 0))[:, None, None, None]
    away = np.hypot(x, y)
    labels[(away < 7) & (z >= 6) & (z < 16)] = 3
    labels[(away < 7) & (z >= 18) & (z < 28)] = 2
    labels[(away < 3) & (z >= 28) & (z < 38)] = 2
    labels[(away > 5) & (away < 9) & (z >= 31) & (z < 37)] = 1
    return labels, [np.array((20.0, 20.0, height)) for height in (33.5, 22.5, 10.5)]


def test_the_ring_of_c1_takes_nothing_from_the_dens() -> None:
    """The centroid of C1 lies outside its mask; it must not count as missed, nor the bone there as passed."""
    labels, places = ring_and_dens()
    patch = (24, 24, 24)

    def predict_patch(
        corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None
    ) -> PatchPrediction:
        visible = window(labels, corner, patch)
        numbers = order_of(visible, "down")
        if target is not None:
            numbers = [1 + int(np.argmin([np.linalg.norm(target - place) for place in places]))]
        for number in numbers:
            own = visible == number
            if own.sum() > 60 and memory[own].mean() <= 0.5:
                return PatchPrediction(own.astype(np.float16), 1.0, float(number))
        return PatchPrediction(np.zeros(patch, np.float16), 0.0, 0.0)

    seeds = CentroidSeeds(places, "down", labels > 0, SPACING_MM, unnamed_before=[False, False, False])
    done = traverse(predict_patch, labels.shape, patch, SPACING_MM, "down", [seeds], known=np.array(places[1:]))
    assert [round(one.level) for one in done.found] == [1, 2, 3]
    for one in done.found:
        own = np.zeros(labels.shape, bool)
        own[one.box] = one.mask
        assert np.array_equal(own, labels == one.level)


def test_of_two_bodies_in_a_mask_the_target_is_kept() -> None:
    labels = spine(4)
    places = centres(labels)

    class Joined(Oracle):
        """Predicts the target and the vertebra above it, in one component."""

        def __call__(
            self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None = None
        ) -> PatchPrediction:
            visible = window(self.labels, corner, self.patch)
            number = 0 if target is None else int(self.labels[tuple(np.rint(target).astype(int))])
            heights = np.flatnonzero(np.isin(visible, (number - 1, number)).any(axis=(0, 1)))
            joined = np.zeros(self.patch, bool)
            if number and len(heights):
                across = (visible == number).any(axis=2)
                joined[:, :, heights[0] : heights[-1] + 1] = across[:, :, None]
            return PatchPrediction(joined.astype(np.float16), 1.0, float(number))

    target = {2: places[2]}  # the first one was missed
    seeds = CentroidSeeds(target.values(), "down", labels > 0, SPACING_MM, unnamed_before=[False])
    known = np.array(list(places.values()))
    done = traverse(Joined(labels, "down"), labels.shape, (20, 20, 16), (2.5, 2.5, 4.0), "down", [seeds], known=known)
    [one] = done.found
    assert one.mask[tuple(np.rint(places[2]).astype(int) - one.start)]
    assert not (np.rint(places[1]).astype(int)[2] < one.box[2].stop), "the body above is excluded"


@pytest.mark.parametrize(
    ("names", "direction", "expected"),
    [
        (("C1", "C2", "C4"), "down", [False, False, True]),
        (("C3", "C4"), "down", [True, False]),
        (("T11", "L1"), "down", [True, False]),  # a spine may lack T12
        (("T10", "L1"), "down", [True, True]),
        (("L4", "L5"), "up", [False, True]),
        (("L1", "L3", "L5"), "up", [True, True, True]),
    ],
)
def test_a_vertebra_may_come_before_where_names_are_missing(
    names: tuple[str, ...], direction: str, expected: list[bool]
) -> None:
    assert unnamed_before(names, names, direction) == expected
    assert unnamed_before(("L5",), ("L5", "S1"), "up") == [False]
