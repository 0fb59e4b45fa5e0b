"""Heatmaps of a whole scan become named landmarks: in tiles, near the spine, truncation by option."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from learning_functions.inference.landmarks.landmark_naming import named_landmarks, near_the_end, scanned_heights
from learning_functions.inference.landmarks.peak_search import find_peaks
from learning_functions.task import Settings
from tests.inference.landmarks.landmark_oracles import PADDING, HeatmapOracle, numbered
from tests.naming.heatmap_spines import spine_mm
from tests.tiny import tiny_settings
from tests.views import view_of
from utility_functions.anatomy.heatmaps import NEAR_SPINE_MM, spine_region
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.geometry.boxes import box_at, first_of, part_of, size_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import TubeMap

GRID = Grid.from_spacing((36, 40, 90), (4.0, 4.0, 4.0), (-72.0, -80.0, -300.0))
NAMES = ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4")


def settings() -> Settings:
    return tiny_settings("vertebra_heatmaps")


def truth() -> dict[str, np.ndarray]:
    return {name: point + np.array([0.7, 5.3, 30.0]) for name, point in spine_mm(NAMES).items()}


def oracle() -> HeatmapOracle:
    points = {VERTEBRAE.index(name): GRID.to_index(point) for name, point in truth().items()}
    return HeatmapOracle(GRID.shape, points=points)


@pytest.mark.parametrize(
    "options", [{}, {"naming": "published"}, {"memory_gb": 0.5}], ids=["decoder", "published", "tiles"]
)
def test_every_landmark_is_named_where_it_is(options: dict[str, Any]) -> None:
    network = oracle()
    found = named_landmarks(network, settings(), view_of(numbered(GRID), padding=PADDING, **options))
    assert found.landmarks is not None and found.landmarks.names == NAMES
    for name, point in found.landmarks:
        np.testing.assert_allclose(point, truth()[name], atol=0.2)
    assert (found.naming is None) == (options.get("naming") == "published")
    assert all(size % 8 == 0 for shape in network.calls for size in shape)
    assert (len(network.calls) > 1) == ("memory_gb" in options)


@pytest.mark.parametrize("detected", [False, True])
def test_heatmap_and_candidates_are_returned_on_request(detected: bool) -> None:
    before = Findings("scan", GRID)
    inside = np.ones(GRID.shape, bool)
    if detected:  # landmarks are searched near it alone
        voxels = np.zeros(GRID.shape, np.uint8)
        voxels[10:26, 14:30, 40:60] = 1
        before = before.having(detection=TubeMap(voxels, GRID))
        inside[:] = False
        inside[spine_region(GRID, None, before.detection, NEAR_SPINE_MM)] = True
    responses = np.zeros(GRID.shape)
    for point in truth().values():
        away = np.indices(GRID.shape) - GRID.to_index(point)[:, None, None, None]
        responses = np.maximum(responses, np.exp(-(away**2).sum(axis=0) / (2 * 1.5**2)))
    for memory_gb in (4.0, 0.5):
        view = view_of(numbered(GRID), before, PADDING, save_intermediate=True, memory_gb=memory_gb)
        found = named_landmarks(oracle(), settings(), view)
        assert found.landmark_heatmap is not None
        np.testing.assert_allclose(found.landmark_heatmap.voxels, np.where(inside, responses, 0), atol=1e-3)
        inner = {name for name, point in truth().items() if inside[tuple(np.rint(GRID.to_index(point)).astype(int))]}
        assert {each.level for each in found.candidates or ()} == inner and (inner < set(NAMES)) == detected
        for each in found.candidates or ():
            np.testing.assert_allclose(each.point_mm, truth()[each.level], atol=0.2)
    without = named_landmarks(oracle(), settings(), view_of(numbered(GRID), before, PADDING))
    assert without.landmark_heatmap is None and without.candidates is None


def test_no_maximum_is_found_twice_where_tiles_meet() -> None:
    network = oracle()
    whole = find_peaks(network, numbered(GRID), box_at((0, 0, 0), GRID.shape), (4, 4, 4), 8, 4.0, PADDING)
    parts = find_peaks(network, numbered(GRID), box_at((0, 0, 0), GRID.shape), (4, 4, 4), 8, 0.5, PADDING)
    assert len(whole.responses) == len(parts.responses) == len(NAMES)
    order, other = (np.argsort(each.landmarks) for each in (whole, parts))
    np.testing.assert_allclose(whole.places[order], parts.places[other], atol=1e-4)


def test_maxima_are_searched_near_the_spine_alone() -> None:
    detection = np.zeros(GRID.shape, np.uint8)
    middle = np.rint(GRID.to_index(truth()["L2"])).astype(int)
    detection[tuple(middle)] = 1
    findings = Findings("scan", GRID, detection=TubeMap(detection, GRID))
    region = spine_region(GRID, None, findings.detection, 30.0)
    np.testing.assert_array_equal(first_of(region), middle - 8)
    np.testing.assert_array_equal(size_of(region), (17, 17, 17))
    found = named_landmarks(oracle(), settings(), view_of(numbered(GRID), findings, PADDING))
    inside = part_of(GRID, region)
    expected = tuple(name for name, point in truth().items() if inside.contains(point))
    assert found.landmarks is not None and found.landmarks.names == expected
    assert "L2" in expected and len(expected) < 4


def test_without_findings_the_whole_scan_is_searched() -> None:
    nothing = Findings("scan", GRID, detection=TubeMap(np.zeros(GRID.shape, np.uint8), GRID))
    for findings in (Findings("scan", GRID), nothing):
        assert spine_region(GRID, None, findings.detection, 30.0) == box_at((0, 0, 0), GRID.shape)


@pytest.mark.parametrize(
    ("truncated", "names", "noted"),
    [("keep", NAMES, False), ("flag", NAMES, True), ("drop", NAMES[1:], True)],
)
def test_landmarks_at_the_upper_end_are_kept_flagged_or_dropped(
    truncated: str, names: tuple[str, ...], noted: bool
) -> None:
    image = numbered(GRID)
    top = int(GRID.to_index(truth()["T9"])[2] + 1.5)
    ended = image.voxels.copy()
    ended[:, :, top + 1 :] = PADDING
    found = named_landmarks(
        oracle(), settings(), view_of(image.with_voxels(ended), padding=PADDING, truncated=truncated)
    )
    assert found.landmarks is not None and found.landmarks.names == names
    assert any("T9: within 10 mm" in note for note in found.notes) == noted


def test_the_end_of_a_tilted_scan_is_found_column_by_column() -> None:
    y, z = np.meshgrid(np.arange(20), np.arange(30), indexing="ij")
    shown = (z > y / 2) & (z < 20 + y / 2)
    image = Volume(
        np.where(shown, 1.0, PADDING).astype(np.float32)[None].repeat(9, axis=0), Grid.from_spacing((9, 20, 30), 4.0)
    )
    assert scanned_heights(image, (4, 0.2, 10), PADDING) == (1, 20)
    assert scanned_heights(image, (4, 19, 10), PADDING) == (10, 29)
    assert scanned_heights(image.with_voxels(np.full((9, 20, 30), PADDING)), (4, 4, 4), PADDING) == (0, 29)
    points = image.grid.to_mm([(4, 2, 12), (4, 2, 20), (4, 17, 20)])
    assert near_the_end(Landmarks(("L1", "L2", "L3"), points), image, PADDING) == ("L2",)


def test_a_missed_level_is_interpolated_and_reported() -> None:
    network = oracle()
    network.points = {place: point for place, point in network.points.items() if VERTEBRAE[place] != "L1"}
    found = named_landmarks(network, settings(), view_of(numbered(GRID), padding=PADDING))
    assert found.landmarks is not None and found.naming is not None
    assert found.landmarks.names == NAMES and found.naming.interpolated == ("L1",)
    assert "L1" not in found.naming.posterior and set(found.naming.posterior) == set(NAMES) - {"L1"}
    np.testing.assert_allclose(found.landmarks.point("L1"), truth()["L1"], atol=8.0)


def test_a_scan_of_padding_gives_no_landmark_and_a_note() -> None:
    padding = Volume(np.full((5, 6, 7), PADDING, np.float32), Grid.from_spacing((5, 6, 7), 4.0))
    found = named_landmarks(oracle(), settings(), view_of(padding, padding=PADDING))
    assert found.landmarks is not None and len(found.landmarks) == 0
    assert found.notes == ("No vertebra was found.",)


def test_only_levels_that_the_network_knows_are_reported() -> None:
    known = settings()
    known = known.changed(spec=replace(known.spec, labels=("L1", "L2", "L3")))
    points = {place: GRID.to_index(truth()[name]) for place, name in enumerate(known.spec.labels)}
    network = HeatmapOracle(GRID.shape, points=points, landmarks=3)
    found = named_landmarks(network, known, view_of(numbered(GRID), padding=PADDING))
    assert found.landmarks is not None and found.landmarks.names == known.spec.labels
