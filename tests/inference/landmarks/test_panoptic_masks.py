"""Masks from parts and offsets: voxels go to the centre they point to, and to none where nobody was named."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from learning_functions.inference.landmarks.panoptic_maps import panoptic_maps
from learning_functions.inference.landmarks.panoptic_masks import box_of_vertebrae, panoptic_masks
from tests.inference.iterative.spine_truth import centres, spine
from tests.inference.landmarks.landmark_oracles import PADDING, _Oracle, first_of, numbered
from tests.tiny import tiny_settings
from tests.views import known_after, view_of
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.parts import ARCH, BODY, PARTS, SACRUM
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import PartMap, VertebraMap

NAMES = ("L2", "L3", "L4", "L5")
LABELS = spine(len(NAMES))
GRID = Grid.from_spacing(LABELS.shape, 4.0)
CENTRES = centres(LABELS)
POINTS = GRID.to_mm(np.array([CENTRES[number] for number in sorted(CENTRES)]))
LANDMARKS = Landmarks(NAMES, POINTS)


@dataclass
class PanopticOracle(_Oracle):
    """Parts and offsets of a label map whose numbers count from the top down.

    vertebra: the probability of its voxels. sacral: that of the sacrum's.
    """

    labels: np.ndarray = field(default_factory=lambda: LABELS)
    vertebra: float = 0.9
    sacral: np.ndarray | None = None

    def predict_on_batch(self, inputs: np.ndarray) -> np.ndarray:
        window = inputs[0, ..., 0]
        places = np.indices(window.shape) + first_of(window, self.shape)[:, None, None, None]
        inside = np.all([(axis >= 0) & (axis < size) for axis, size in zip(places, self.shape, strict=True)], axis=0)
        index = tuple(np.clip(axis, 0, size - 1) for axis, size in zip(places, self.shape, strict=True))
        own = np.where(inside, self.labels[index], 0)
        output = np.zeros((*window.shape, len(PARTS) + 3), np.float32)
        front = places[1] >= self.shape[1] // 2
        output[..., BODY], output[..., ARCH] = (self.vertebra * ((own > 0) & half) for half in (front, ~front))
        if self.sacral is not None:
            output[..., SACRUM] = np.where(inside, self.sacral[index], 0)
        output[..., 0] = 1 - output[..., 1 : len(PARTS)].sum(axis=-1)
        for number, centre in centres(self.labels).items():
            for axis in range(3):
                away = (centre[axis] - places[axis]) * GRID.spacing_mm[axis] / 10
                output[..., len(PARTS) + axis][own == number] = away[own == number]
        return output[None]


def found_by(network: PanopticOracle, landmarks: Landmarks = LANDMARKS, threshold: float = 0.5, **options) -> Findings:
    settings = tiny_settings("panoptic").with_options(threshold=threshold)
    view = view_of(numbered(GRID), Findings("scan", GRID, landmarks=landmarks), PADDING, **options)
    return known_after(panoptic_masks(network, settings, view), view)  # type: ignore[arg-type]


def expected(names=NAMES, labels: np.ndarray = LABELS) -> np.ndarray:
    found = np.zeros(labels.shape, np.uint8)
    for number, name in enumerate(NAMES, start=1):
        if name in names:
            found[labels == number] = VERSE_IDS[name]
    return found


def test_each_voxel_goes_to_the_vertebra_whose_centre_it_points_to() -> None:
    found = found_by(PanopticOracle(GRID.shape))
    assert isinstance(found.instances, VertebraMap)
    np.testing.assert_array_equal(found.instances.voxels, expected())
    parts = found.placed_on(GRID).detection
    assert isinstance(parts, PartMap) and set(np.unique(parts.voxels)) == {0, BODY, ARCH}
    assert found.landmarks is LANDMARKS and found.notes == ()


def test_vertebrae_that_touch_stay_two() -> None:
    touching = spine(len(NAMES), solid="box")
    middle = (np.array(CENTRES[1]) + CENTRES[2]) / 2
    x, y, _ = (int(value) for value in middle)
    for up in range(int(CENTRES[2][2]), int(CENTRES[1][2])):
        touching[x - 2 : x + 3, y - 2 : y + 3, up] = 1 if up >= middle[2] else 2
    found = found_by(PanopticOracle(GRID.shape, labels=touching)).instances.voxels
    np.testing.assert_array_equal(found, expected(labels=touching))


def test_a_vertebra_that_was_not_named_has_no_mask_and_takes_none_from_others() -> None:
    named = [name for name in NAMES if name != "L4"]
    found = found_by(PanopticOracle(GRID.shape), LANDMARKS.only(named)).instances.voxels
    np.testing.assert_array_equal(found, expected(named))


@pytest.mark.parametrize("unnamed", ["L2", "L5"])
def test_the_next_vertebra_at_either_end_has_a_mask_without_a_landmark(unnamed: str) -> None:
    named = [name for name in NAMES if name != unnamed]
    found = found_by(PanopticOracle(GRID.shape), LANDMARKS.only(named))
    np.testing.assert_array_equal(found.instances.voxels, expected())
    assert unnamed not in found.landmarks.names and not found.notes


@pytest.mark.parametrize(("threshold", "there"), [(0.3, True), (0.45, False)])
def test_the_threshold_of_the_card_decides_where_vertebrae_end(threshold: float, there: bool) -> None:
    found = found_by(PanopticOracle(GRID.shape, vertebra=0.4), threshold=threshold)
    assert found.instances.voxels.any() == there
    assert bool(found.notes) != there


def test_the_sacrum_has_a_mask_where_its_first_level_was_named() -> None:
    sacral = np.zeros(LABELS.shape, np.float32)
    sacral[10:20, 10:20, 0:2] = 0.8
    last = Landmarks(("S1",), GRID.to_mm([[15, 15, 1]]))
    both = Landmarks((*NAMES, "S1"), np.concatenate([POINTS, last.points_mm]))
    network = PanopticOracle(GRID.shape, sacral=sacral)
    with_sacrum, without = (found_by(network, each).instances.voxels for each in (both, LANDMARKS))
    np.testing.assert_array_equal(with_sacrum == VERSE_IDS["S1"], sacral > 0)
    assert not (without == VERSE_IDS["S1"]).any()


def test_without_a_named_vertebra_there_is_an_empty_map_and_a_note() -> None:
    found = found_by(PanopticOracle(GRID.shape), Landmarks.empty())
    assert not found.instances.voxels.any() and "no mask" in found.notes[0]


def test_vertebrae_at_the_border_are_told_to_be_truncated() -> None:
    labels = spine(len(NAMES), truncated=True)
    grid = Grid.from_spacing(labels.shape, 4.0)
    points = grid.to_mm(np.array([centre for _, centre in sorted(centres(labels).items())]))
    view = view_of(numbered(grid), Findings("scan", grid, landmarks=Landmarks(NAMES, points)), PADDING)
    network = PanopticOracle(grid.shape, labels=labels)
    found = panoptic_masks(network, tiny_settings("panoptic"), view)  # type: ignore[arg-type]
    assert found.notes == ("L2, L5: truncated by the border of the scan.",)


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "RPS"])
def test_the_box_holds_every_vertebra_with_its_processes(axcodes: str) -> None:
    grid = Grid.from_spacing((200, 200, 200), 2.0, axcodes=axcodes)
    centre = grid.to_mm([100, 100, 100])
    box = box_of_vertebrae(grid, Landmarks(("L3",), centre[None]))
    reach = centre + np.array([[45, 0, 0], [-45, 0, 0], [0, -75, 0], [0, 40, 0], [0, 0, 45], [0, 0, -45]])
    assert box.contains(reach).all() and np.prod(box.shape) < np.prod(grid.shape) / 8
    assert box_of_vertebrae(grid, replace(LANDMARKS).only([])).shape == (1, 1, 1)


def test_with_mirrored_inference_the_maps_are_means_over_the_image_and_its_mirror_image() -> None:
    class Asymmetric(PanopticOracle):
        """Predicts from the intensity, and more on the right of what it is shown; counts what it was shown."""

        shown = 0

        def predict_on_batch(self, inputs: np.ndarray) -> np.ndarray:
            self.shown += 1
            output = np.zeros((*inputs.shape[:4], len(PARTS) + 3), np.float32)
            along = np.arange(inputs.shape[1])[:, None, None] / 100
            output[..., BODY] = inputs[..., 0] + along
            output[..., len(PARTS)] = 1.0 + along
            output[..., len(PARTS) + 1] = 0.5
            return output

    voxels = np.random.default_rng(0).random((12, 10, 8)).astype(np.float32) / 2
    grid = Grid.from_spacing(voxels.shape, 1.0)
    view = view_of(Volume(voxels, grid), Findings("scan", grid), PADDING)
    maps = {}
    for mirrored in (False, True):
        network, settings = (
            Asymmetric(voxels.shape),
            tiny_settings("panoptic").with_options(mirrored_inference=mirrored),
        )
        maps[mirrored] = panoptic_maps(network, settings, view)  # type: ignore[arg-type]
        assert network.shown == 1 + mirrored
    plain, mean = maps[False], maps[True]
    np.testing.assert_allclose(plain.every[..., BODY] - voxels, mean_along := plain.offsets[..., 0] - 1, atol=2e-3)
    np.testing.assert_allclose(mean.every[..., BODY], voxels + (mean_along + mean_along[::-1]) / 2, atol=2e-3)
    np.testing.assert_allclose(mean.offsets[..., 0], (mean_along - mean_along[::-1]) / 2, atol=2e-3)
    np.testing.assert_allclose(mean.offsets[..., 1], 0.5, atol=1e-3)
