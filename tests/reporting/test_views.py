"""Flat views have the radiological orientation for every storage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.reporting.label_placement import spread
from utility_functions.reporting.level_colours import label_colours, level_colour
from utility_functions.reporting.views import coronal_view, is_ct, sagittal_view, spine_course, window

SHAPE, SPACING = (20, 30, 40), (2.0, 1.5, 1.0)  # 40 x 45 x 40 mm, stored as RAS


def scan(points_index: list[tuple[int, int, int]], oblique: bool = False) -> Volume:
    """Bright blocks of 3 x 3 x 3 voxels on a dark scan."""
    voxels = np.zeros(SHAPE, np.int16)
    for x, y, z in points_index:
        voxels[x - 1 : x + 2, y - 1 : y + 2, z - 1 : z + 2] = 1000
    affine = np.diag((*SPACING, 1.0))
    affine[:3, 3] = (-7, 100, -300)
    if oblique:
        angle = np.radians(10)
        affine[:3, :3] = [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]] @ affine[
            :3, :3
        ]
    return Volume(voxels, Grid(SHAPE, affine))


def brightest(pixels: np.ndarray) -> tuple[float, float]:
    """Row and column of the middle of the bright pixels, as fractions of the picture."""
    rows, columns = np.nonzero(np.nan_to_num(pixels) > 500)
    return float(rows.mean() / pixels.shape[0]), float(columns.mean() / pixels.shape[1])


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS)
def test_views_show_anterior_on_the_left_and_left_on_the_right(axcodes: str) -> None:
    volume = scan([(4, 24, 33)])
    course = volume.grid.to_mm([[4, 24, 33]])
    stored = volume.reoriented(axcodes)
    row, column = brightest(sagittal_view(stored, course).pixels)
    assert row < 0.25  # superior: up
    assert column < 0.25  # anterior: left
    row, column = brightest(coronal_view(stored, course).pixels)
    assert row < 0.25
    assert column > 0.75  # the patient's left: the viewer's right


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "PIR", "SAL", "IPL"])
@pytest.mark.parametrize("oblique", [False, True])
def test_a_landmark_lies_on_the_pixel_of_its_voxel(axcodes: str, oblique: bool) -> None:
    places = [(5, 10, 8), (14, 20, 30)]
    volume = scan(places, oblique)
    points = volume.grid.to_mm(places)
    course = points[np.argsort(points[:, 2])]
    for view in (sagittal_view, coronal_view):
        shown = view(volume.reoriented(axcodes), course)
        for row, column in shown.pixel_of(points):
            assert shown.pixels[row, column] > 500


def test_pictures_keep_true_proportions() -> None:
    view = sagittal_view(scan([]), np.zeros((1, 3)))
    left, right, bottom, top = view.extent_mm
    assert (left - right, top - bottom) == pytest.approx((45, 40))
    assert view.pixels.shape == (40, 45)
    assert view.edges == ("A", "P", "S", "I")
    assert coronal_view(scan([]), np.zeros((1, 3))).edges == ("R", "L", "S", "I")


def test_a_curved_spine_is_shown_completely() -> None:
    places = [(4, 8, 5), (10, 14, 15), (15, 20, 25), (9, 25, 35)]
    volume = scan(places)
    names = Landmarks(("L4", "L3", "L2", "L1"), volume.grid.to_mm(places))
    course = spine_course(volume, names)
    for view in (sagittal_view(volume, course), coronal_view(volume, course)):
        assert all(view.pixels[row, column] > 900 for row, column in view.pixel_of(names.points_mm))


def test_the_label_map_may_lie_on_a_grid_of_its_own() -> None:
    volume = scan([(10, 15, 20)])
    labels = LabelMap((volume.voxels > 0).astype(np.uint8) * 20, volume.grid).reoriented("PIR")
    course = volume.grid.to_mm([[10, 15, 20]])
    view = sagittal_view(volume, course, labels.window((0, 0, 0), (12, 40, 40)))
    (row, column), *_ = view.pixel_of(course)
    assert view.labels is not None
    assert view.labels[row, column] == 0  # outside the label map
    view = sagittal_view(volume, course, labels)
    assert view.labels is not None
    assert view.labels[row, column] == 20


def test_the_course_follows_the_first_landmarks_and_the_second_outside_them() -> None:
    volume = scan([])
    true = Landmarks(("L1", "L2"), volume.grid.to_mm([(10, 10, 20), (10, 10, 10)]))
    predicted = Landmarks(("T12", "L1", "L5"), volume.grid.to_mm([(2, 2, 30), (3, 3, 15), (900, 0, 0)]))
    course = spine_course(volume, true, None, predicted)
    assert np.allclose(course, volume.grid.to_mm([(10, 10, 10), (10, 10, 20), (2, 2, 30)]))


def test_without_landmarks_the_course_is_in_the_middle() -> None:
    volume = scan([])
    assert np.allclose(spine_course(volume, None, Landmarks.empty()), volume.grid.to_mm([(9.5, 14.5, 19.5)]))


def test_without_landmarks_the_depth_is_where_the_bone_is() -> None:
    volume = scan([])
    voxels = np.full(SHAPE, -1000, np.int16)
    voxels[:, 5:25] = 40
    voxels[8:12, 8:14] = 400
    y = spine_course(volume.with_voxels(voxels))[0, 1]
    low, high = volume.grid.to_mm([(0, 8, 0), (0, 13, 0)])[:, 1]
    assert low <= y <= high


@pytest.mark.parametrize("shape", [(1, 30, 30), (30, 1, 30), (30, 30, 1), (1, 1, 1), (10, 10, 10)])
def test_thin_and_tiny_scans_are_shown(shape: tuple[int, int, int]) -> None:
    volume = Volume(np.full(shape, 7.0), Grid.from_spacing(shape, (1, 1, 5)))
    course = spine_course(volume)
    for view in (sagittal_view(volume, course), coronal_view(volume, course)):
        assert np.allclose(view.pixels, 7)


def test_pixels_outside_a_scan_and_nan_voxels_differ_from_air() -> None:
    volume = scan([], oblique=True)
    view = sagittal_view(volume, spine_course(volume))
    assert np.isnan(view.pixels[0, 0])
    assert view.pixels[view.pixels.shape[0] // 2, view.pixels.shape[1] // 2] == 0
    nothing = volume.with_voxels(np.full(SHAPE, np.nan))
    assert np.isnan(sagittal_view(nothing, spine_course(nothing)).pixels).all()
    assert window(nothing) == (0, 1)


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int64, np.float16, np.float64, ">i2"])
def test_voxels_of_every_type_are_shown(kind: type) -> None:
    volume = scan([(10, 15, 20)])
    view = sagittal_view(volume.with_voxels((volume.voxels > 0).astype(kind)), volume.grid.to_mm([[10, 15, 20]]))
    assert np.nanmax(view.pixels) == pytest.approx(1)


def test_ct_and_mr_are_distinguished() -> None:
    grid = Grid.from_spacing((10, 10, 10), 1)
    values = np.linspace(0, 1, 1000).reshape(10, 10, 10)
    assert is_ct(Volume(values * 2000 - 1000, grid))
    assert window(Volume(values * 2000 - 1000, grid)) == (-450, 1050)
    low, high = window(Volume(values * 500, grid))
    assert 0 <= low < 10
    assert 490 < high <= 500


@given(
    st.lists(st.floats(-50, 150), max_size=30),
    st.floats(0.1, 20),
)
def test_names_keep_their_order_and_their_distance(wanted: list[float], gap: float) -> None:
    placed = spread(wanted, gap, 0, 100)
    order = np.argsort(wanted, kind="stable")
    steps = np.diff(placed[order])
    fitting = min(gap, 100 / max(len(wanted) - 1, 1))
    assert (steps >= fitting - 1e-9).all()
    assert ((placed >= -1e-9) & (placed <= 100 + 1e-9)).all()


def test_names_that_do_not_touch_stay_where_they_are() -> None:
    assert spread([50, 10, 30], 5, 0, 100).tolist() == [50, 10, 30]
    assert spread([10, 11], 3, 0, 100).tolist() == [9, 12]
    assert spread([0, 1], 3, 0, 100).tolist() == [0, 3]


def test_neighbours_differ_in_colour_and_labels_share_the_colours_of_their_levels() -> None:
    distance = np.linalg.norm(np.subtract(level_colour("T12"), level_colour("L1")))
    assert distance > 0.5
    colours = label_colours(np.array([[0, 20], [28, 99]]))
    assert colours[0, 0].tolist() == [0, 0, 0]
    assert tuple(colours[0, 1]) == level_colour("L1")
    assert tuple(colours[1, 0]) == level_colour("T13")
    assert colours[1, 1].max() == 1
