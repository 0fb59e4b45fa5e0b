"""Vertebra, disc or canal per voxel: read from every code, separated by components, numbered as in SPIDER."""

from __future__ import annotations

import numpy as np
import pytest

from tests.made_spines import SPACING_MM, spine, spine_voxels
from utility_functions.anatomy.body_box import cropped_to_body
from utility_functions.anatomy.components import numbered_spine, without_small_components
from utility_functions.anatomy.disc_planes import disc_planes
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.structures import SPIDER_MOST, levels_of_numbers, spider_map, structures_of
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.volume import LabelMap, Volume

GRID = Grid.from_spacing((7, 1, 1), (1, 1, 1))


def row(*numbers: int) -> LabelMap:
    voxels = np.array(numbers, np.uint8).reshape(-1, 1, 1)
    return LabelMap(voxels, Grid.from_spacing(voxels.shape, (1, 1, 1)))


def values(label_map: LabelMap) -> list[int]:
    return [int(value) for value in label_map.voxels.ravel()]


def test_spider_s_numbers_are_vertebrae_canal_and_discs() -> None:
    assert values(structures_of(row(0, 1, 9, 25, 100, 101, 125, 201, 225), "spider")) == [0, 1, 1, 1, 3, 1, 1, 2, 2]


@pytest.mark.parametrize("wrong", [26, 50, 99, 126, 200, 226, 255])
def test_numbers_that_spider_does_not_have_are_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"SPIDER's masks hold.*Received: {wrong}\."):
        structures_of(row(1, wrong), "spider")


def test_a_phantom_s_tissues_give_discs_and_canal_and_no_sacrum() -> None:
    tissues = row(1, 2, 3, 4, 4, 0, 1)
    found = structures_of(row(0, 0, 0, 0, 24, 26, 26), "verse", tissues, ("air", "disc", "nucleus", "csf", "cord"))
    assert values(found) == [2, 2, 3, 3, 1, 0, 2]


def test_spineps_has_discs_at_100_more() -> None:
    assert values(structures_of(row(0, 20, 26, 120, 219, 60, 61), "spineps")) == [0, 1, 0, 2, 0, 3, 3]


@pytest.mark.parametrize("code", ["verse", "totalsegmentator", "csi2014"])
def test_codes_of_vertebrae_alone_are_refused(code: str) -> None:
    with pytest.raises(ValueError, match=f"Received: {code}"):
        structures_of(row(0, 20), code)


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS[::7])
def test_components_of_classes_give_the_numbers_back(axcodes: str) -> None:
    true = spine(4, axcodes)
    found = numbered_spine(structures_of(true, "spider"))
    found.grid.require_same(true.grid, "components")
    assert np.array_equal(found.voxels, true.voxels)


@pytest.mark.parametrize("axcodes", ["RAS", "PIR", "LSA"])
def test_names_become_numbers_from_the_bottom(axcodes: str) -> None:
    true = spine(3, axcodes)
    names = np.zeros(256, np.uint8)
    names[[1, 2, 3]] = [VERSE_IDS[name] for name in ("L5", "L4", "L3")]
    vertebrae = LabelMap(np.where(true.voxels < 100, names[true.voxels], 0).astype(np.uint8), true.grid)
    assert np.array_equal(spider_map(vertebrae, structures_of(true, "spider")).voxels, true.voxels)


def test_a_truncated_structure_has_a_partial_code() -> None:
    voxels = spine_voxels(3)[:, :, : 6 + 2 * 11 + 7]  # through the third body
    cut = LabelMap(voxels, Grid.from_spacing(voxels.shape, SPACING_MM))
    assert set(values(numbered_spine(structures_of(cut, "spider")))) == {0, 1, 2, 103, 100, 201, 202, 203}


def test_bodies_joined_by_a_thin_bridge_stay_two() -> None:
    true = spine(3)
    bridged = true.voxels.copy()
    bridged[3, 31, 6 + 3 : 6 + 11 + 8] = 1
    found = numbered_spine(structures_of(LabelMap(bridged, true.grid), "spider"))
    assert set(values(found)) == set(values(true))


def test_bodies_joined_by_half_a_disc_stay_two() -> None:
    """Bodies joined by voxels of discs that are labelled vertebra; the other voxels of the discs split them."""
    true = spine(4)
    joined = true.voxels.copy()
    half = joined[7:]
    half[half > 200] = 1
    found = numbered_spine(structures_of(LabelMap(joined, true.grid), "spider"))
    assert {value for value in values(found) if value < 100} == {0, 1, 2, 3, 4}
    for number in (1, 2, 3, 4):
        body = true.voxels[:, 19:] == number
        assert (found.voxels[:, 19:][body] == number).mean() > 0.8


def test_bodies_joined_by_a_waist_are_split_by_depth() -> None:
    true = spine(4, spacing_mm=(3.0, 2.0, 3.5))
    joined = np.where(true.voxels > 200, 0, true.voxels).astype(np.uint8)
    waist = joined[5:9, 23:28]
    waist[waist == 0] = 1
    found = numbered_spine(structures_of(LabelMap(joined, true.grid), "spider"))
    counted = found.voxels % 100
    assert set(values(LabelMap(counted, found.grid))) == {0, 1, 2, 3, 4}
    for number in (1, 2, 3, 4):
        assert (counted[true.voxels == number] == number).mean() > 0.8


@pytest.mark.parametrize(("tilt", "parts"), [(0, True), (1, True), (4, False)])
def test_a_disc_splits_bodies_in_its_plane_unless_it_is_parallel_to_the_spine(tilt: int, parts: bool) -> None:
    voxels = np.zeros((20, 20, 40), np.uint8)
    for y in range(6, 14):
        low = 18 + tilt * (y - 10) // 2
        voxels[6:14, y, low : low + 2] = 2
    planes = disc_planes(LabelMap(voxels, Grid.from_spacing(voxels.shape, (2.0, 2.0, 2.0))))
    assert planes.any() == parts
    if parts:
        columns = planes[7:13, 7:13].any(axis=2)
        assert columns.all(), "no hole to leak through"
        assert not planes[:2].any() and not planes[:, :, :8].any()


def test_a_disc_without_a_vertebra_gets_the_next_number() -> None:
    voxels = spine_voxels(3)
    voxels[(voxels == 3)] = 0
    found = numbered_spine(structures_of(LabelMap(voxels, spine(3).grid), "spider"))
    assert set(values(found)) == {0, 1, 2, 100, 201, 202, 203}


@pytest.mark.parametrize("kept", [(), (100,), (201, 202, 203), (1, 2, 3)])
def test_any_class_may_be_missing(kept: tuple[int, ...]) -> None:
    true = spine(3)
    voxels = np.where(np.isin(true.voxels, kept), true.voxels, 0).astype(np.uint8)
    found = numbered_spine(structures_of(LabelMap(voxels, true.grid), "spider"))
    vertebrae = {value for value in values(found) if 0 < value < 100}
    assert vertebrae == ({1, 2, 3} if kept == (1, 2, 3) else set())
    assert (found.voxels == 100).any() == (100 in kept)


def test_small_components_are_discarded_and_one_canal_remains() -> None:
    true = spine(3)
    voxels = structures_of(true, "spider").voxels.copy()
    voxels[0, 0, 0], voxels[0, 0:2, -3:] = 1, 3
    cleaned = without_small_components(LabelMap(voxels, true.grid))
    assert cleaned[0, 0, 0] == 0 and not (cleaned[0, 0:2, -3:] == 3).any() and (cleaned == 3).sum() > 100


@pytest.mark.parametrize(
    ("lowest", "names"),
    [("L5", ("L5", "L4", "L3")), ("L6", ("L6", "L5", "L4")), ("L1", ("L1", "T12", "T11")), ("C2", ("C2", "C1"))],
)
def test_levels_are_counted_from_the_one_declared(lowest: str, names: tuple[str, ...]) -> None:
    assert levels_of_numbers(lowest)[:3] == tuple(VERSE_IDS[name] for name in names)


@pytest.mark.parametrize("wrong", ["S1", "L7", "", "l5"])
def test_only_free_vertebrae_can_be_the_lowest(wrong: str) -> None:
    with pytest.raises(ValueError, match="The lowest vertebra is one of"):
        levels_of_numbers(wrong)


@pytest.mark.parametrize("axcodes", ["RAS", "PIR", "LSA"])
def test_a_scan_is_cropped_to_its_body(axcodes: str) -> None:
    rng = np.random.default_rng(1)
    voxels = rng.rayleigh(5.0, (20, 60, 70)).astype(np.float32)
    voxels[:, 10:40, :] += 200 + 100 * (rng.random((20, 30, 70)) > 0.5)
    voxels[2, 55, 3] = 5000.0  # a spike
    scan = Volume(voxels, Grid.from_spacing(voxels.shape, (3, 2, 2))).reoriented(axcodes)
    cropped = cropped_to_body(scan, margin_mm=4.0).reoriented("RAS")
    low, high = cropped.grid.to_mm((-0.5,) * 3)[1], cropped.grid.to_mm(np.array(cropped.grid.shape) - 0.5)[1]
    assert abs(low - 15) <= 4 and abs(high - 83) <= 4, "within a coarse voxel of body and margin"
    assert cropped.grid.shape[0] == 20 and cropped.grid.shape[2] == 70


@pytest.mark.parametrize("fill", [0, 7])
def test_a_scan_of_one_intensity_is_left_whole(fill: int) -> None:
    scan = Volume(np.full((6, 7, 8), fill, np.int16), Grid.from_spacing((6, 7, 8), (3, 2, 2)))
    assert cropped_to_body(scan).grid.same_as(scan.grid)


def test_a_map_of_vertebrae_alone_is_refused_under_a_spineps_name() -> None:
    with pytest.raises(ValueError, match="Received: spineps"):
        structures_of(row(0, 20, 21), "spineps")  # as the files of VerSe are named


def test_of_more_vertebrae_than_spider_numbers_the_uppermost_have_none() -> None:
    vertebrae = LabelMap(
        np.arange(1, 29, dtype=np.uint8)[::-1].reshape(1, 1, -1), Grid.from_spacing((1, 1, 28), (1, 1, 1))
    )
    counted = spider_map(vertebrae, vertebrae.with_voxels(np.zeros_like(vertebrae.voxels)))
    assert set(np.unique(counted.voxels % 100)) == set(range(SPIDER_MOST + 1))
    structures_of(counted, "spider")
