"""A mask at each landmark: in batches, largest components, likeliest vertebra, truncation by option."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from learning_functions.inference.landmarks.landmark_masks import masks_at_landmarks
from learning_functions.task import Settings
from tests.inference.iterative.spine_truth import centres, spine
from tests.inference.landmarks.landmark_oracles import PADDING, MaskOracle, numbered
from tests.tiny import tiny_settings
from tests.views import known_after, view_of
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import BodyMap, VertebraMap

NAMES = ("L1", "L2", "L3", "L4")
LABELS = spine(len(NAMES))
GRID = Grid.from_spacing(LABELS.shape, 4.0)
EXPECTED = np.zeros(LABELS.shape, np.uint8)
for place, level in enumerate(NAMES):
    EXPECTED[np.equal(LABELS, place + 1)] = VERSE_IDS[level]


def settings() -> Settings:
    made = tiny_settings("vertebra_masks")
    return made.changed(spec=replace(made.spec, patch=(24, 24, 16))).with_options(mirrored_inference=False)


def landmarks(labels: np.ndarray = LABELS) -> Landmarks:
    points = GRID.to_mm([centre for _, centre in sorted(centres(labels).items())])
    return Landmarks(NAMES[: len(points)], points)


def found_by(network: Any, findings: Findings, image: Volume | None = None, **options: Any) -> Findings:
    view = view_of(numbered(GRID) if image is None else image, findings, PADDING, **options)
    return known_after(masks_at_landmarks(network, settings(), view), view)


def test_each_landmark_gets_the_mask_of_its_vertebra_and_they_come_in_batches() -> None:
    network = MaskOracle(GRID.shape, labels=LABELS)
    given = Findings("scan", GRID, landmarks=landmarks())
    found = found_by(network, given)
    assert isinstance(found.instances, VertebraMap)
    np.testing.assert_array_equal(found.instances.voxels, EXPECTED)
    assert found.landmarks is given.landmarks and found.notes == ()
    assert network.calls == [(4, 24, 24, 16, 2)]


class Lopsided(MaskOracle):
    """Predicts a block in the first half of the patch alone."""

    def _one(self, window: np.ndarray, prompt: np.ndarray) -> np.ndarray:
        answer = np.zeros(window.shape, np.float32)
        answer[window.shape[0] // 2 - 4 : window.shape[0] // 2, 8:16, 4:12] = 0.96
        return answer


def test_mirrored_inference_follows_the_card() -> None:
    network = Lopsided(GRID.shape, labels=LABELS)
    one = landmarks().only({"L2"})
    findings = Findings("scan", GRID, landmarks=one)
    for mirrored, lopsided in ((False, True), (True, False)):
        made = settings().with_options(mirrored_inference=mirrored)
        found = masks_at_landmarks(network, made, view_of(numbered(GRID), findings, PADDING))
        assert found.instances is not None
        assert found.instances.voxels.any() == lopsided, "0.48 from one side and nothing from the other are no mask"


def test_borders_on_a_finer_scan_lie_between_the_voxels_of_the_network() -> None:
    fine = Grid.from_spacing([2 * n - 1 for n in GRID.shape], 2.0)
    findings = Findings("scan", GRID, landmarks=landmarks())
    certain, uncertain = (
        masks_at_landmarks(
            MaskOracle(GRID.shape, labels=LABELS, certainty=certainty),
            settings(),
            view_of(numbered(GRID), findings, PADDING, fine),
        ).instances
        for certainty in (0.95, 0.55)
    )
    assert certain is not None and uncertain is not None and certain.grid is fine
    np.testing.assert_array_equal(certain.voxels[::2, ::2, ::2], EXPECTED)
    assert set(np.unique(uncertain.voxels)) == set(np.unique(EXPECTED))


class Overlapping(MaskOracle):
    """Predicts the whole patch; probabilities rise towards the prompt."""

    def _one(self, window: np.ndarray, prompt: np.ndarray) -> np.ndarray:
        return np.where(window == PADDING, 0.0, 0.51 + 0.4 * prompt / 255).astype(np.float32)


def test_overlaps_go_to_the_likeliest_vertebra() -> None:
    found = found_by(Overlapping(GRID.shape, labels=LABELS), Findings("scan", GRID, landmarks=landmarks()))
    assert found.instances is not None
    for name, point in landmarks():
        voxel = np.rint(GRID.to_index(point)).astype(int)
        assert found.instances.voxels[tuple(voxel)] == VERSE_IDS[name]


class Fragmented(MaskOracle):
    """Adds a small component far from the vertebra."""

    def _one(self, window: np.ndarray, prompt: np.ndarray) -> np.ndarray:
        answer = super()._one(window, prompt)
        answer[0:2, 0:2, 0] = 0.95
        return answer


def test_only_the_largest_component_is_kept() -> None:
    found = found_by(Fragmented(GRID.shape, labels=LABELS), Findings("scan", GRID, landmarks=landmarks()))
    assert found.instances is not None
    np.testing.assert_array_equal(found.instances.voxels, EXPECTED)


class Hollow(MaskOracle):
    """Misses the middle of the vertebra."""

    def _one(self, window: np.ndarray, prompt: np.ndarray) -> np.ndarray:
        answer = super()._one(window, prompt)
        middle = np.rint(np.argwhere(answer > 0.5).mean(axis=0)).astype(int)
        answer[tuple(middle)] = 0.2
        return answer


def test_holes_are_filled() -> None:
    found = found_by(Hollow(GRID.shape, labels=LABELS), Findings("scan", GRID, landmarks=landmarks()))
    assert found.instances is not None
    np.testing.assert_array_equal(found.instances.voxels, EXPECTED)


def test_a_landmark_without_a_mask_is_reported() -> None:
    uncertain = MaskOracle(GRID.shape, labels=LABELS, certainty=0.4)
    found = found_by(uncertain, Findings("scan", GRID, landmarks=landmarks()))
    assert found.instances is not None and not found.instances.voxels.any()
    assert found.notes == ("No mask was found of L1, L2, L3, L4.",)
    outside = Landmarks(("L1",), [[9999.0, 0.0, 0.0]])
    found = found_by(MaskOracle(GRID.shape, labels=LABELS), Findings("scan", GRID, landmarks=outside))
    assert found.notes == ("No mask was found of L1.",)


@pytest.mark.parametrize("given", [Landmarks.empty(), Landmarks(("", "S1"), [[0.0, 0, 0], [1.0, 1, 1]])])
def test_without_a_named_vertebra_there_is_no_mask(given: Landmarks) -> None:
    found = found_by(MaskOracle(GRID.shape, labels=LABELS), Findings("scan", GRID, landmarks=given))
    assert found.instances is not None and not found.instances.voxels.any() and found.landmarks is given
    assert found.notes == ("No landmark of a vertebra was found, so no mask.",)


@pytest.mark.parametrize(
    ("truncated", "kept", "noted"), [("keep", NAMES, False), ("flag", NAMES, True), ("drop", NAMES[1:3], True)]
)
def test_truncated_vertebrae_are_kept_flagged_or_dropped(truncated: str, kept: tuple[str, ...], noted: bool) -> None:
    labels = spine(len(NAMES), truncated=True)
    grid = Grid.from_spacing(labels.shape, 4.0)
    points = grid.to_mm([centre for _, centre in sorted(centres(labels).items())])
    findings = Findings("scan", grid, landmarks=Landmarks(NAMES, points))
    network = MaskOracle(grid.shape, labels=labels)
    found = found_by(network, findings, numbered(grid), truncated=truncated)
    assert found.instances is not None and found.landmarks is not None
    assert set(np.unique(found.instances.voxels)) == {0, *(VERSE_IDS[name] for name in kept)}
    assert found.landmarks.names == kept
    assert any("L1, L4: truncated by the border" in note for note in found.notes) == noted


def test_the_sacrum_found_before_stays() -> None:
    before = np.zeros(LABELS.shape, np.uint8)
    before[:4, :4, :4] = VERSE_IDS["S1"]
    before[20:, 20:, 10:] = VERSE_IDS["L5"]
    findings = Findings("scan", GRID, landmarks=landmarks(), instances=BodyMap(before, GRID))
    found = found_by(MaskOracle(GRID.shape, labels=LABELS), findings)
    assert found.instances is not None
    assert (found.instances.voxels[:4, :4, :4] == VERSE_IDS["S1"]).all()
    assert VERSE_IDS["L5"] not in found.instances.voxels
