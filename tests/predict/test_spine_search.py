"""The box round the spine in which shipped models look, and the same answers as when they look everywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.model_files.pretrained import FINDER, SHIPPED
from learning_functions.options import InferenceOptions
from learning_functions.predict.pipeline import run_models
from learning_functions.predict.prepared_scan import PreparedScan
from learning_functions.predict.spine_search import (
    AROUND_MM,
    DOUBTED_FROM,
    SURE_FROM,
    holds_spine,
    looked_in,
    search_box,
)
from learning_functions.predict.trained_model import TrainedModel
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.phantom.scanner import make_phantom
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.torso import Torso
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import ClassProbabilities, PartMap

COARSE = Grid.from_spacing((50, 50, 60), (8.0, 8.0, 8.0), (-200.0, -200.0, 0.0))
FINE = COARSE.upright((2.0, 2.0, 2.0), "RAS")
AIR = -1000
USUALLY_APART_MM, MOST_APART_MM = 1.0, 3.0
"""Half a voxel of detection on average; ends that borders truncate vary more."""


def heat(value: float, low: tuple[int, ...] = (22, 25, 10), high: tuple[int, ...] = (27, 31, 50)) -> Volume:
    voxels = np.zeros(COARSE.shape, np.float16)
    voxels[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = value
    return Volume(voxels, COARSE)


def test_the_box_holds_all_that_may_be_spine_widely_padded_and_begins_where_poolings_do() -> None:
    found = heat(1.0)
    found.voxels[45, 25, 20] = DOUBTED_FROM + 0.01
    box = search_box(found, FINE, (8, 8, 8))
    assert box is not None
    first = np.rint(FINE.to_index(box.to_mm((0, 0, 0)))).astype(int)
    assert not (first % 8).any()
    low, high = box.to_mm((0, 0, 0)), box.to_mm(np.subtract(box.shape, 1))
    hot = found.grid.to_mm(np.argwhere(found.voxels >= DOUBTED_FROM))
    upper = np.minimum(hot.max(axis=0) + AROUND_MM, FINE.to_mm(np.subtract(FINE.shape, 1)))
    assert (low <= np.maximum(hot.min(axis=0) - AROUND_MM, FINE.to_mm((0, 0, 0)))).all()
    assert (high >= upper).all()
    assert np.prod(box.shape) < np.prod(FINE.shape)


@pytest.mark.parametrize("value", [0.0, SURE_FROM - 0.05])
def test_an_unsure_coarse_pass_tells_no_box(value: float) -> None:
    assert search_box(heat(value), FINE, (8, 8, 8)) is None


def test_a_box_of_nearly_the_whole_scan_is_none() -> None:
    assert search_box(heat(1.0, (5, 5, 5), (45, 45, 55)), FINE, (8, 8, 8)) is None


def test_the_box_is_the_same_whatever_the_axes_of_the_heatmap_are() -> None:
    turned = heat(1.0).reoriented("LPS")
    one, other = (search_box(each, FINE, (8, 8, 8)) for each in (heat(1.0), turned))
    assert one is not None and other is not None and one.shape == other.shape
    np.testing.assert_allclose(one.affine, other.affine, atol=1e-6)


def parts(body: tuple[slice, ...], start: tuple[int, int, int] = (40, 40, 40)) -> ClassProbabilities:
    voxels = np.zeros((60, 60, 80, 5), np.float16)
    voxels[..., 0] = 1
    voxels[body] = (0, 1, 0, 0, 0)
    return ClassProbabilities(voxels, FINE.window(start, voxels.shape[:3]), PartMap)


MIDDLE = (slice(20, 40), slice(20, 40))


@pytest.mark.parametrize(
    ("body", "start", "held"),
    [
        ((*MIDDLE, slice(20, 60)), (40, 40, 40), True),
        ((*MIDDLE, slice(0, 60)), (40, 40, 40), False),
        ((*MIDDLE, slice(20, 80)), (40, 40, 40), False),
        ((*MIDDLE, slice(0, 60)), (40, 40, 0), True),
        ((slice(0, 20), slice(20, 40), slice(20, 60)), (40, 40, 40), False),
        ((slice(20, 40), slice(45, 60), slice(20, 60)), (40, 40, 40), False),
        ((slice(0, 2), slice(0, 2), slice(0, 2)), (40, 40, 40), False),
        ((slice(0, 0), slice(0, 0), slice(0, 0)), (40, 40, 40), False),
    ],
)
def test_a_column_that_reaches_a_face_of_the_box_may_run_on(
    body: tuple[slice, ...], start: tuple[int, int, int], held: bool
) -> None:
    assert holds_spine(parts(body, start), FINE) == held


def test_small_pieces_at_a_face_do_not_count() -> None:
    found = parts((*MIDDLE, slice(20, 60)))
    found.voxels[:3, :3, :3] = (0, 1, 0, 0, 0)
    assert holds_spine(found, FINE)


@pytest.mark.parametrize(("box", "enough", "looked"), [(FINE, True, [FINE]), (FINE, False, [FINE, None])])
def test_everything_is_looked_at_where_the_box_does_not_suffice(
    box: Grid, enough: bool, looked: list[Grid | None]
) -> None:
    seen: list[Grid | None] = []
    looked_in(box, seen.append, lambda _: enough)
    assert seen == looked
    seen.clear()
    looked_in(None, seen.append, lambda _: False)
    assert seen == [None]


@cache
def shipped() -> tuple[TrainedModel, ...]:
    return tuple(TrainedModel.load_shipped(SHIPPED / f"{name}.h5") for name in ("detection", "identification"))


def boxed(up_mm: float, down_mm: float, top: str, bottom: str, wide_mm: float = 130.0) -> Volume:
    """A CT from ``up_mm`` above one level to ``down_mm`` below another, arms beside it, at 3 mm."""

    def corners(spine: Spine, torso: Torso) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        middle = spine.centres.mean(axis=0)
        heights = spine[bottom].frame.origin[2] - down_mm, spine[top].frame.origin[2] + up_mm
        low = np.array([middle[0] - wide_mm, middle[1] - 100.0, heights[0]])
        return low, np.array([middle[0] + wide_mm, middle[1] + 150.0, heights[1]])

    return make_phantom(np.random.default_rng(41), "scan", None, 3.0, "RAS", boxed=corners).volume


def whole_body() -> Volume:
    return boxed(120.0, 150.0, "C1", "S1")


def arms_beside_the_trunk() -> Volume:
    return boxed(20.0, 40.0, "T11", "S1", 240.0)


def scoliosis() -> Volume:
    """A trunk whose slices are moved aside by up to 45 mm, to the right below and to the left above."""
    trunk = boxed(20.0, 40.0, "T8", "S1", 160.0)
    moved = np.full_like(trunk.voxels, AIR)
    for z in range(moved.shape[2]):
        aside = round(15 * float(np.sin(2 * np.pi * z / moved.shape[2])))
        moved[max(aside, 0) : len(moved) + min(aside, 0), :, z] = trunk.voxels[
            max(-aside, 0) : len(moved) - max(aside, 0), :, z
        ]
    return trunk.with_voxels(moved)


def two_regions_with_a_gap() -> Volume:
    """Neck and lower trunk, with 200 mm of nothing between them."""
    body = boxed(40.0, 40.0, "C1", "S1")
    voxels = body.voxels.copy()
    middle = voxels.shape[2] * 52 // 100
    voxels[..., middle : middle + 67] = AIR
    return body.with_voxels(voxels)


def small_field() -> Volume:
    return boxed(20.0, 20.0, "L2", "L4", 60.0)


def head_alone() -> Volume:
    return boxed(200.0, -30.0, "C1", "C1", 110.0)


LARGE = (whole_body, arms_beside_the_trunk, scoliosis, two_regions_with_a_gap)
SMALL = (small_field, head_alone)


@pytest.mark.parametrize("scene", [*LARGE, *SMALL])
def test_a_spine_is_never_lost_by_the_box(scene: Callable[[], Volume]) -> None:
    """The same names, at the same places, as when everything is looked at."""
    volume, (detection, _) = scene(), shipped()
    found, everywhere = (
        run_models(shipped(), volume, options=InferenceOptions(search=search)) for search in ("spine", "everywhere")
    )
    assert found.landmarks is not None and everywhere.landmarks is not None
    assert found.landmarks.names == everywhere.landmarks.names
    apart = np.linalg.norm(found.landmarks.points_mm - everywhere.landmarks.points_mm, axis=1)
    assert apart.sum() <= USUALLY_APART_MM * len(apart)
    assert apart.max(initial=0.0) <= MOST_APART_MM
    if scene in LARGE:
        box = detection.search_box(PreparedScan(volume), InferenceOptions())
        assert box is not None
        assert np.prod(box.shape) < 0.7 * np.prod(PreparedScan(volume).whole(detection.settings).shape)
        assert len(found.landmarks) > 4


def test_a_patient_who_lies_on_the_side_is_found_as_without_the_box() -> None:
    trunk = boxed(20.0, 30.0, "L1", "S1", 150.0)
    voxels = np.ascontiguousarray(np.rot90(trunk.voxels))
    turned = Volume(voxels, Grid.from_spacing(voxels.shape, (3.0, 3.0, 3.0)))
    found, everywhere = (
        run_models(shipped(), turned, options=InferenceOptions(search=search)) for search in ("spine", "everywhere")
    )
    assert found.quarter_turns == everywhere.quarter_turns
    assert found.landmarks is not None and everywhere.landmarks is not None
    assert found.landmarks.names == everywhere.landmarks.names


def test_the_finder_runs_for_shipped_models_alone_and_can_be_switched_off() -> None:
    detection, identification = shipped()
    assert detection.finder is not None and detection.finder.path.name == FINDER
    assert identification.finder is None
    assert TrainedModel.load(SHIPPED / "detection.h5").finder is None
    assert TrainedModel.load_shipped(SHIPPED / "detection.h5", search="everywhere").finder is None
    assert [path.name for path in detection.files] == ["detection.h5", FINDER]
    scan = PreparedScan(Volume(np.full((64, 64, 64), AIR, np.int16), Grid.from_spacing((64, 64, 64), (4.0, 4.0, 4.0))))
    for options in (InferenceOptions(search="everywhere"), InferenceOptions(windows="published")):
        assert detection.search_box(scan, options) is None


def test_the_box_is_sought_once_and_the_scan_is_prepared_in_it() -> None:
    volume, (detection, _) = arms_beside_the_trunk(), shipped()
    prepared, found = PreparedScan(volume), Findings("scan", volume.grid)
    detection.make_ready(prepared, found, InferenceOptions())
    box = detection.search_box(prepared, InferenceOptions())
    assert box is not None and detection.search_box(prepared, InferenceOptions()) is box
    view = detection.view(prepared, found, InferenceOptions(), box)
    assert view.image.grid is box or view.image.grid.same_as(box)
