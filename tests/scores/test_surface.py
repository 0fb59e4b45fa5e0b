"""Surface distances: known shapes in mm, a reference on whole scans, any storage, rotation and shear."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

from losses_and_metrics.overlap import dice, iou, label_boxes, overlaps
from losses_and_metrics.surface import SurfaceScore, surface_indices, surface_score
from tests.geometry.any_grids import grids
from utility_functions.geometry.boxes import Box
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.volume import LabelMap

SHAPE = (14, 12, 10)
ANISOTROPIC = Grid.from_spacing(SHAPE, (0.7, 1.3, 3.0))


def block(*sides: tuple[int, int], shape: tuple[int, int, int] = SHAPE) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


def cropped(first: NDArray[np.bool_], second: NDArray[np.bool_], grid: Grid) -> SurfaceScore:
    """What is tested: each surface found inside the box of its own mask."""
    surfaces = []
    for mask in (first, second):
        boxes = label_boxes(LabelMap(mask, grid))
        box: Box = boxes.get(1, (slice(0, 0),) * 3)  # type: ignore[assignment]
        surfaces.append(surface_indices(mask[box], box))
    return surface_score(surfaces[0], surfaces[1], grid)


def surface_of(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return mask & ~ndimage.binary_erosion(mask)


def plain(first: NDArray[np.bool_], second: NDArray[np.bool_], grid: Grid) -> SurfaceScore:
    """The definition by distance maps of the whole scan, for grids with orthogonal axes."""
    one, other = surface_of(first), surface_of(second)
    there = ndimage.distance_transform_edt(~other, sampling=grid.spacing_mm)[one]
    back = ndimage.distance_transform_edt(~one, sampling=grid.spacing_mm)[other]
    return SurfaceScore(
        max(there.max(), back.max()),
        max(np.percentile(there, 95), np.percentile(back, 95)),
        (there.sum() + back.sum()) / (there.size + back.size),
    )


def by_pairs(first: NDArray[np.bool_], second: NDArray[np.bool_], grid: Grid) -> SurfaceScore:
    """The definition by all pairs of surface voxels, for grids of any kind."""
    between = cdist(grid.to_mm(np.argwhere(surface_of(first))), grid.to_mm(np.argwhere(surface_of(second))))
    there, back = between.min(axis=1), between.min(axis=0)
    return SurfaceScore(
        max(there.max(), back.max()),
        max(np.percentile(there, 95), np.percentile(back, 95)),
        (there.sum() + back.sum()) / (there.size + back.size),
    )


def values(score: SurfaceScore) -> tuple[float, float, float]:
    assert score.hd_mm is not None and score.hd95_mm is not None and score.assd_mm is not None
    return score.hd_mm, score.hd95_mm, score.assd_mm


CUBE = block((3, 8), (3, 8), (3, 8))
ONE = block((5, 6), (5, 6), (5, 6))
# first, second, spacing in mm, HD, HD95, ASSD
TABLE = {
    "the same": (CUBE, CUBE, (1, 1, 1), 0, 0, 0),
    "one voxel and itself": (ONE, ONE, (1, 1, 1), 0, 0, 0),
    "one voxel two to the right": (ONE, block((7, 8), (5, 6), (5, 6)), (0.7, 1, 1), 1.4, 1.4, 1.4),
    "one voxel along the diagonal": (ONE, block((8, 9), (9, 10), (5, 6)), (1, 1, 1), 5, 5, 5),
    "one voxel across slices": (ONE, block((5, 6), (5, 6), (7, 8)), (1, 1, 3), 6, 6, 6),
    # a column of 4 and one of 2: half of the first are 0 mm away, then 1 and 2; 95 % of (0, 0, 1, 2) lies at 1.85
    "a column half as long": (block((1, 5), (0, 1), (0, 1)), block((1, 3), (0, 1), (0, 1)), (1, 1, 1), 2, 1.85, 0.5),
    # plates of one slice, 3 slices of 2 mm apart
    "two plates": (block((0, 9), (0, 9), (2, 3)), block((0, 9), (0, 9), (5, 6)), (1, 1, 2), 6, 6, 6),
}


@pytest.mark.parametrize("case", TABLE)
def test_known_distances_in_mm(case: str) -> None:
    first, second, spacing_mm, *expected = TABLE[case]
    grid = Grid.from_spacing(SHAPE, spacing_mm)
    assert values(cropped(first, second, grid)) == pytest.approx(expected)
    assert values(plain(first, second, grid)) == pytest.approx(expected), "the reference itself"


def test_a_cube_shifted_by_three_voxels_of_two_mm_lies_six_mm_away_at_most() -> None:
    grid = Grid.from_spacing((20, 12, 12), (2, 1, 1))
    first = block((3, 8), (3, 8), (3, 8), shape=grid.shape)
    score = cropped(first, np.roll(first, 3, axis=0), grid)
    assert (score.hd_mm, score.hd95_mm) == (6, 6)
    assert score.assd_mm is not None and 0 < score.assd_mm < 6


def test_spheres_in_one_another_lie_as_far_apart_as_their_radii_differ() -> None:
    spacing_mm = np.array((0.8, 1.0, 1.25))
    shape = (64, 52, 42)
    grid = Grid.from_spacing(shape, spacing_mm)
    from_middle = np.linalg.norm(np.moveaxis(np.indices(shape), 0, -1) * spacing_mm - [25, 25, 25], axis=-1)
    score = cropped(from_middle <= 20, from_middle <= 12, grid)
    assert values(score) == pytest.approx((8, 8, 8), abs=1.2)


@pytest.mark.parametrize("empty", ["first", "second", "both"])
def test_distances_to_empty_masks_are_undefined(empty: str) -> None:
    nothing = np.zeros(SHAPE, bool)
    first, second = (nothing if empty in (which, "both") else CUBE for which in ("first", "second"))
    assert cropped(first, second, ANISOTROPIC) == SurfaceScore(None, None, None)


def test_the_face_of_the_image_is_a_surface() -> None:
    assert len(surface_indices(np.ones((4, 4, 4), bool))) == 64 - 8
    assert len(surface_indices(np.ones((4, 4, 1), bool))) == 16


def blobs(seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two irregular masks with holes and islands, some at the border, each of at least one voxel."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(2):
        rough = ndimage.gaussian_filter(rng.normal(size=shape), rng.uniform(0, 2))
        mask = rough > np.quantile(rough, rng.uniform(0.5, 0.999))
        mask.flat[rng.integers(mask.size)] = True
        found.append(mask)
    return found[0], found[1]


@pytest.mark.parametrize("seed", range(20))
def test_boxes_give_the_very_distances_of_the_whole_scan(seed: int) -> None:
    first, second = blobs(seed)
    grid = Grid.from_spacing(SHAPE, np.random.default_rng(seed).uniform(0.3, 5, 3))
    assert values(cropped(first, second, grid)) == pytest.approx(values(plain(first, second, grid)), rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(grid=grids(shapes=st.just((7, 6, 5))), seed=st.integers(0, 1000))
def test_turned_and_sheared_grids_have_the_distances_of_the_world(grid: Grid, seed: int) -> None:
    first, second = blobs(seed, grid.shape)
    assert values(cropped(first, second, grid)) == pytest.approx(values(by_pairs(first, second, grid)), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_symmetric(seed: int) -> None:
    first, second = blobs(seed)
    one, other = (values(cropped(*pair, ANISOTROPIC)) for pair in ((first, second), (second, first)))
    assert one == pytest.approx(other, rel=1e-12)


def test_all_48_storages_score_the_same() -> None:
    first, second = (LabelMap(mask, ANISOTROPIC) for mask in blobs(3))
    expected = values(cropped(first.voxels > 0, second.voxels > 0, ANISOTROPIC))
    for axcodes in ALL_ORIENTATIONS:
        one, other = first.reoriented(axcodes), second.reoriented(axcodes)
        assert values(cropped(one.voxels > 0, other.voxels > 0, one.grid)) == pytest.approx(expected, rel=1e-12), (
            axcodes
        )


def test_distances_grow_with_the_spacing() -> None:
    first, second = blobs(4)
    once, thrice = (
        values(cropped(first, second, Grid.from_spacing(SHAPE, by * np.array((0.7, 1.3, 3))))) for by in (1, 3)
    )
    assert thrice == pytest.approx([3 * value for value in once])


@pytest.mark.parametrize(
    ("both", "first", "second", "expected_dice", "expected_iou"),
    [
        (0, 0, 0, None, None),
        (0, 5, 0, 0, 0),
        (0, 0, 5, 0, 0),
        (5, 5, 5, 1, 1),
        (2, 4, 4, 0.5, 1 / 3),
        (1, 1, 3, 0.5, 1 / 3),
    ],
)
def test_overlaps_match_those_computed_by_hand(
    both: int, first: int, second: int, expected_dice: float | None, expected_iou: float | None
) -> None:
    assert (dice(both, first, second), iou(both, first, second)) == (expected_dice, expected_iou)


def test_overlaps_count_every_pair_once() -> None:
    rng = np.random.default_rng(5)
    first, second = (LabelMap(rng.integers(0, 4, SHAPE).astype(dtype), ANISOTROPIC) for dtype in (np.uint8, np.int32))
    counts = overlaps(first, second, label_boxes(first, (1, 3, 9)), label_boxes(second))
    assert set(counts.first) == {1, 3} and set(counts.second) == {1, 2, 3}
    for label in (1, 3):
        assert counts.first[label] == (first.voxels == label).sum()
        for other in (0, 1, 2, 3):
            assert counts.both[label, other] == ((first.voxels == label) & (second.voxels == other)).sum()
    assert counts.dice(9, 9) is None and counts.dice(9, 1) == 0 and counts.iou(1, 9) == 0


@pytest.mark.parametrize("labels", [None, (), (1, 2)])
def test_an_empty_map_has_no_boxes(labels: tuple[int, ...] | None) -> None:
    assert label_boxes(LabelMap(np.zeros(SHAPE, np.uint8), ANISOTROPIC), labels) == {}
