"""A phantom scan: deterministic, true to its own landmarks in every storage orientation, plausible in HU and sizes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.geometry.grid import ALL_ORIENTATIONS
from utility_functions.geometry.resampling import resample
from utility_functions.phantom.scanner import REGIONS, PhantomScan, make_phantom
from utility_functions.phantom.tissue import TISSUES


@pytest.fixture(scope="module")
def whole() -> PhantomScan:
    return make_phantom(np.random.default_rng(5), "whole", "whole", 3.0, "RAS")


def test_the_same_seed_gives_the_same_voxels() -> None:
    first, second = (make_phantom(np.random.default_rng(3), spacing_mm=4.0) for _ in range(2))
    assert np.array_equal(first.volume.voxels, second.volume.voxels)
    assert np.array_equal(first.label_map.voxels, second.label_map.voxels)
    assert np.array_equal(first.landmarks.points_mm, second.landmarks.points_mm)
    assert np.array_equal(first.volume.grid.affine, second.volume.grid.affine)


def test_one_seed_gives_one_patient_on_every_grid() -> None:
    finest, middling, coarse = (
        make_phantom(np.random.default_rng(11), "p", "lumbar", spacing, "RAS") for spacing in (1.5, 2.0, 3.0)
    )
    corners = [scan.volume.grid.to_mm(np.array([[0, 0, 0], scan.volume.grid.shape]) - 0.5) for scan in (finest, coarse)]
    assert np.abs(corners[0] - corners[1]).max() < 3.0
    for scan in (middling, coarse):
        assert scan.landmarks.names == finest.landmarks.names
        assert np.allclose(scan.landmarks.points_mm, finest.landmarks.points_mm, atol=1e-6)
        there = resample(finest.volume, scan.volume.grid).voxels
        here = scan.volume.voxels
        kept = np.s_[1:-1, 1:-1, 1:-1]
        assert np.corrcoef(there[kept].ravel(), here[kept].ravel())[0, 1] > 0.9
        labels = resample(finest.label_map, scan.volume.grid).voxels
        both = (labels == scan.label_map.voxels) & (labels > 0)
        assert both.sum() > 0.8 * (labels > 0).sum()


def test_options_of_a_scan_do_not_change_the_patient() -> None:
    drawn, requested = (
        make_phantom(np.random.default_rng(4), "p", "thoracic", spacing, axcodes)
        for spacing, axcodes in ((4.0, "LPS"), ((6.0, 4.0, 5.0), None))
    )
    assert drawn.landmarks.names == requested.landmarks.names
    assert np.allclose(drawn.landmarks.points_mm, requested.landmarks.points_mm, atol=1e-6)


def test_another_seed_gives_another_patient() -> None:
    first, second = (make_phantom(np.random.default_rng(seed), spacing_mm=4.0) for seed in (3, 4))
    assert first.volume.grid.shape != second.volume.grid.shape


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS)
def test_every_landmark_lies_in_its_own_label(axcodes: str) -> None:
    scan = make_phantom(np.random.default_rng(len(axcodes) + ALL_ORIENTATIONS.index(axcodes)), "p", None, 4.0, axcodes)
    assert scan.volume.grid.axcodes == axcodes
    scan.volume.grid.require_same(scan.label_map.grid, "the phantom")
    highest = np.asarray(scan.volume.grid.shape) - 1
    for name, point in scan.landmarks:
        nearest = np.clip(np.rint(scan.volume.grid.to_index(point)).astype(int), 0, highest)
        if name != "C1":  # at the centre of its ring
            assert scan.label_map.voxels[tuple(nearest)] == VERSE_IDS[name], name


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_shows_several_levels(region: str) -> None:
    scan = make_phantom(np.random.default_rng(1), "p", region, 4.0)
    assert len(scan.landmarks) >= {"slab": 1, "field": 2}.get(region, 4)
    assert scan.volume.voxels.dtype == np.int16
    assert scan.label_map.voxels.dtype == np.uint8


def test_hu_and_labels_are_those_of_a_ct(whole: PhantomScan) -> None:
    hu, labels = whole.volume.voxels, whole.label_map.voxels
    assert hu.min() >= -3024
    assert hu.max() <= 4095
    assert set(np.unique(labels)) <= {0, *VERSE_IDS.values()}
    assert set(range(1, 25)) <= set(np.unique(labels))
    assert 150 < hu[labels > 0].mean() < 800
    assert np.mean(hu < -600) > 0.1  # air and lung


@pytest.mark.parametrize(
    ("tissue", "low", "high"),
    [
        ("air", -1024, -900),
        ("fat", -140, -50),
        ("muscle", -20, 110),  # fatty in some, and HU are offset in some scans
        ("lung", -950, -700),
        ("vertebra shell", 150, 1000),
        ("vertebra marrow", 60, 500),
    ],
)
def test_the_tissue_map_names_what_the_image_shows(whole: PhantomScan, tissue: str, low: float, high: float) -> None:
    where = whole.tissues.voxels == TISSUES.index(tissue)
    assert where.any()
    assert low < np.median(whole.volume.voxels[where]) < high


def test_vertebrae_of_the_label_map_are_bone_in_the_tissue_map_or_beside_it(whole: PhantomScan) -> None:
    bony = [code for code, name in enumerate(TISSUES) if name.split()[0] in ("vertebra", "sacrum")]
    labelled, bone = whole.label_map.voxels > 0, np.isin(whole.tissues.voxels, bony)
    assert bone[labelled].mean() > 0.8
    beside = ndimage.binary_dilation(bone, np.ones((3, 3, 3), bool))  # voxels that bone fills in part are labelled too
    assert beside[labelled].mean() > 0.98


def test_the_levels_stand_in_order_and_at_distances_of_real_spines(whole: PhantomScan) -> None:
    points = whole.landmarks.points_mm
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert (np.diff(points[:, 2]) < 0).all()
    names = whole.landmarks.names
    for (low, high), upper in (((13, 24), "C4"), ((18, 28), "T6"), ((27, 45), "L2")):
        assert low < steps[names.index(upper)] < high


def test_spinous_processes_point_backwards_and_bodies_grow_downwards(whole: PhantomScan) -> None:
    grid, labels = whole.label_map.grid, whole.label_map.voxels
    fronts = {}
    for name, point in whole.landmarks:
        if name in ("C1", "S1"):
            continue
        positions = grid.to_mm(np.argwhere(labels == VERSE_IDS[name])) - point
        assert positions[:, 1].min() < -28  # far behind
        assert positions[:, 1].max() < 28
        front = (np.abs(positions[:, 2]) < 4) & (positions[:, 1] > 0)
        fronts[name] = front.sum()  # areas, since a width depends on one row of voxels beside cervical processes
    assert fronts["T6"] > 1.3 * fronts["C4"]
    assert fronts["L4"] > 1.6 * fronts["T6"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"region": "tail"}, "A region is one of"),
        ({"axcodes": "RRS"}, "An orientation is three letters"),
        ({"spacing_mm": 0}, "above zero"),
        ({"spacing_mm": (1, 1, float("nan"))}, "above zero"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_phantom(np.random.default_rng(0), **arguments)
