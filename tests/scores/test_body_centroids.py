"""Body centres read off label maps: synthetic vertebrae in every orientation, and the manual ones of VerSe."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from utility_functions.anatomy.centroids import UnknownLevels, body_centroids, coded_centroids, label_names
from utility_functions.anatomy.labels import TOTALSEGMENTATOR_IDS, name_of_verse_id
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.volume import LabelMap


def vertebra(grid: Grid, centre_mm: np.ndarray, label: int) -> LabelMap:
    """A block of 30 x 24 x 20 mm around ``centre_mm`` with an arch and a spinous process behind it."""
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    x, y, z = np.moveaxis(grid.to_mm(index) - centre_mm, -1, 0)
    body = (abs(x) < 15) & (abs(y) < 12) & (abs(z) < 10)
    arch = (abs(abs(x) - 10) < 3) & (y <= -12) & (y > -28) & (abs(z) < 5)
    spinous = (abs(x) < 4) & (y <= -28) & (y > -50) & (abs(z) < 6)
    return LabelMap((body | arch | spinous).astype(np.uint8) * label, grid)


def oblique_grid() -> Grid:
    angle = np.radians(12)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag((1.5, 1.2, 2.0))
    affine[:3, 3] = (-30, -60, 40)
    return Grid((40, 60, 20), affine)


def read_map(path: Path) -> LabelMap:
    image = nib.load(path)
    return LabelMap(np.asarray(image.dataobj), Grid(image.shape, image.affine))


def test_the_centre_is_the_bodys_and_not_the_masks() -> None:
    centre = np.array([0.0, 0.0, 60.0])
    label_map = vertebra(oblique_grid(), centre, 20)
    found = body_centroids(label_map)
    whole = label_map.grid.to_mm(np.argwhere(label_map.voxels)).mean(axis=0)
    assert found.names == ("L1",)
    assert np.linalg.norm(found.point("L1") - centre) < 2
    assert np.linalg.norm(whole - centre) > 6


def test_all_48_storage_orientations_give_the_same_points() -> None:
    label_map = vertebra(oblique_grid(), np.array([0.0, 0.0, 60.0]), 20)
    expected = body_centroids(label_map).points_mm
    for axcodes in ALL_ORIENTATIONS:
        assert np.allclose(body_centroids(label_map.reoriented(axcodes)).points_mm, expected, atol=1e-6), axcodes


def test_a_truncated_vertebra_has_the_centre_of_its_visible_part() -> None:
    whole = vertebra(Grid.from_spacing((50, 80, 30), 1, (-25, -60, -15)), np.zeros(3), 22)
    cut = whole.window((0, 0, 15), (50, 80, 15))
    assert body_centroids(cut).point("L3")[2] == pytest.approx(4.5, abs=1)


def test_single_and_isolated_voxels_give_a_centre() -> None:
    voxels = np.zeros((20, 20, 20), np.uint16)
    voxels[3:9, 3:9, 3:9] = 8
    voxels[18, 18, 18] = 8
    voxels[12, 2, 2] = 19
    found = body_centroids(LabelMap(voxels, Grid.from_spacing((20, 20, 20), 2)))
    assert found.names == ("T1", "T12")
    assert np.allclose(found.point("T1"), 11)
    assert np.allclose(found.point("T12"), (24, 4, 4))


def test_centroids_are_in_anatomical_order_without_unknown_labels() -> None:
    voxels = np.zeros((60, 3, 3), np.int32)
    for place, label in enumerate((20, 28, 19, 27, 1, 99, 100000)):
        voxels[1 + 8 * place : 4 + 8 * place] = label
    label_map = LabelMap(voxels, Grid.from_spacing((60, 3, 3), 1))
    assert body_centroids(label_map).names == ("C1", "T12", "T13", "L1")
    assert label_names(label_map) == ("C1", "T12", "T13", "L1")


@pytest.mark.parametrize("value", [0, 99])
def test_a_map_without_levels_gives_no_landmarks(value: int) -> None:
    label_map = LabelMap(np.full((4, 4, 4), value, np.uint8), Grid.from_spacing((4, 4, 4), 1))
    assert len(body_centroids(label_map)) == 0
    assert label_names(label_map) == ()


def some_boxes(labels: tuple[int, ...]) -> LabelMap:
    """A column of boxes with these labels."""
    voxels = np.zeros((8, 8, 6 * len(labels)), np.uint8)
    for place, label in enumerate(labels):
        voxels[2:6, 2:6, 6 * place + 1 : 6 * place + 5] = label
    return LabelMap(voxels, Grid.from_spacing(voxels.shape, 2))


@pytest.mark.parametrize(
    ("code", "labels", "names"),
    [
        ("verse", (19, 20), ("T12", "L1")),
        ("verse", (26, 27, 28), ("T13", "S1")),
        ("spineps", (6, 7, 106, 206), ("C6", "C7")),
        ("totalsegmentator", (1, 26, 27, 32, 117), ("T12", "L5", "S1")),
    ],
)
def test_each_code_has_its_own_levels(code: str, labels: tuple[int, ...], names: tuple[str, ...]) -> None:
    assert coded_centroids(some_boxes(labels), code).names == names


@pytest.mark.parametrize(
    ("code", "labels", "words"),
    [
        ("spider", (1, 2, 100, 201), "from the bottom; levels are unknown"),
        ("csi2014", (100, 200), "in order; levels are unknown"),
        ("verse", (1, 2, 100, 201), r"label_code of a manifest .*totalsegmentator.* Received: 100, 201\."),
        ("verse", (27, 28, 29), "Received: 29"),
        ("spam", (1,), "Received: 'spam'"),
    ],
)
def test_labels_without_levels_are_refused(code: str, labels: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        coded_centroids(some_boxes(labels), code)
    assert isinstance(refused.value, UnknownLevels) == (code != "spam")


@pytest.mark.real
@pytest.mark.parametrize(
    ("mask", "centroids"),
    [
        ("verse014/sub-verse014_seg-vert_msk.nii.gz", "verse014/sub-verse014_seg-vb_ctd.json"),
        ("verse_masks/sub-verse010_seg-vert_msk.nii.gz", "verse_masks/sub-verse010_seg-subreg_ctd.json"),
        ("verse_masks/sub-gl003_dir-ax_seg-vert_msk.nii.gz", "verse_masks/sub-gl003_dir-ax_seg-subreg_ctd.json"),
    ],
)
def test_real_masks_give_the_annotated_centres(real: Path, mask: str, centroids: str) -> None:
    label_map = read_map(real / mask)
    first, *rows = json.loads((real / centroids).read_text())
    grid = label_map.reoriented("".join(first["direction"])).grid
    found = body_centroids(label_map)
    assert found.names == tuple(name_of_verse_id(row["label"]) for row in rows)
    true = np.array([grid.to_mm((row["X"], row["Y"], row["Z"])) for row in rows])
    distances_mm = np.linalg.norm(found.points_mm - true, axis=1)
    assert distances_mm.mean() < 1.2
    assert distances_mm.max() < 2.0


@pytest.mark.real
def test_a_map_in_another_code_gives_the_same_centres_when_the_caller_says_the_code(real: Path) -> None:
    verse = body_centroids(read_map(real / "totalseg/example_ct_vertebrae_verse_ids.nii.gz"))
    other = body_centroids(read_map(real / "totalseg/example_ct_labels.nii.gz"), TOTALSEGMENTATOR_IDS)
    assert set(verse.names) <= set(other.names)
    for name, point in verse:
        assert np.linalg.norm(other.point(name) - point) < 2.5, name  # T12 differs by a few voxels of 3 mm
