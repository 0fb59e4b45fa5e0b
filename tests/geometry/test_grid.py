"""Grids: indices and millimetres, boxes, orientations, upright grids, and equality."""

from __future__ import annotations

import numpy as np
import pytest
from any_grids import grids, orientations, origins, shapes, spacings, turned, voxel_centres
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid, direction_matrix

boxes = st.tuples(*[st.integers(-7, 12)] * 3)
points = st.lists(st.tuples(*[st.floats(-500, 500)] * 3), min_size=1, max_size=5)


@given(grids(), points)
def test_to_index_undoes_to_mm(grid: Grid, points: list[tuple[float, ...]]) -> None:
    np.testing.assert_allclose(grid.to_mm(grid.to_index(points)), points, atol=1e-7)
    np.testing.assert_allclose(grid.to_index(grid.to_mm(points)), points, atol=1e-7)


@pytest.mark.parametrize(
    ("axcodes", "index", "point_mm"),
    [
        ("RAS", (0, 0, 0), (10, 20, 30)),
        ("RAS", (1, 2, 3), (12, 26, 42)),
        ("LPS", (1, 2, 3), (8, 14, 42)),
        ("PIR", (1, 2, 3), (22, 18, 24)),  # array axes run to P (2 mm), I (3 mm), R (4 mm)
        ("SAL", (1, 2, 3), (-2, 26, 32)),
    ],
)
def test_the_letters_say_where_each_array_axis_runs_to(
    axcodes: str, index: tuple[int, ...], point_mm: tuple[int, ...]
) -> None:
    grid = Grid.from_spacing((5, 6, 7), (2, 3, 4), (10, 20, 30), axcodes)
    assert grid.axcodes == axcodes
    assert grid.spacing_mm == (2, 3, 4)
    assert grid.voxel_volume_mm3 == pytest.approx(24)
    np.testing.assert_allclose(grid.to_mm(index), point_mm)


def test_there_are_48_storages() -> None:
    assert len(set(ALL_ORIENTATIONS)) == 48
    assert len({direction_matrix(axcodes).tobytes() for axcodes in ALL_ORIENTATIONS}) == 48


@given(grids(), boxes, shapes)
def test_every_voxel_of_a_window_stays_in_its_place(grid: Grid, start: tuple[int, ...], shape: tuple[int, ...]) -> None:
    window = grid.window(start, shape)
    assert window.shape == shape
    within = np.stack(np.indices(shape), axis=-1)
    np.testing.assert_allclose(window.to_mm(within), grid.to_mm(within + start), atol=1e-9)


@given(grids(), st.tuples(*[st.integers(0, 5)] * 3), st.tuples(*[st.integers(0, 5)] * 3))
def test_cropping_undoes_padding(grid: Grid, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    padded = grid.padded(before, after)
    assert padded.shape == tuple(np.add(np.add(grid.shape, before), after))
    np.testing.assert_allclose(padded.to_mm(before), grid.to_mm((0, 0, 0)), atol=1e-9)
    assert padded.padded(np.negative(before), np.negative(after)).same_as(grid, 1e-9)


@given(grids(), orientations)
def test_reorienting_moves_no_voxel_in_the_world(grid: Grid, axcodes: str) -> None:
    stored = grid.reoriented(axcodes)
    assert stored.voxel_volume_mm3 == pytest.approx(grid.voxel_volume_mm3)
    np.testing.assert_allclose(
        np.sort(stored.corners_mm() @ (1.0, 2.3, 5.9)), np.sort(grid.corners_mm() @ (1.0, 2.3, 5.9)), atol=1e-7
    )
    np.testing.assert_allclose(
        np.sort((voxel_centres(stored) @ (1.0, 2.3, 5.9)).ravel()),
        np.sort((voxel_centres(grid) @ (1.0, 2.3, 5.9)).ravel()),
        atol=1e-7,
    )


@settings(max_examples=8)
@given(grids(most_degrees=15, most_shear=0.1))
def test_all_48_storages_are_reached_and_left_again(grid: Grid) -> None:
    for axcodes in ALL_ORIENTATIONS:
        stored = grid.reoriented(axcodes)
        assert stored.axcodes == axcodes
        assert stored.reoriented(grid.axcodes).same_as(grid, 1e-9)


@given(grids(), spacings, orientations)
def test_the_upright_grid_covers_the_scan_and_is_centred_on_it(
    grid: Grid, spacing_mm: tuple[float, ...], axcodes: str
) -> None:
    upright = grid.upright(spacing_mm, axcodes)
    assert upright.is_upright
    assert upright.axcodes == axcodes
    np.testing.assert_allclose(upright.spacing_mm, spacing_mm)
    assert upright.contains(grid.corners_mm(), margin_mm=2e-3 * max(spacing_mm)).all()
    np.testing.assert_allclose(upright.corners_mm().mean(axis=0), grid.corners_mm().mean(axis=0), atol=1e-7)
    extent, needed = np.ptp(upright.corners_mm(), axis=0), np.ptp(grid.corners_mm(), axis=0)
    assert (extent < needed + 1.01 * np.abs(direction_matrix(axcodes)) @ spacing_mm).all()  # no additional voxel


@settings(max_examples=25)
@given(grids(), spacings, st.sampled_from(["RAS", "PIR", "LSA"]))
def test_the_upright_grid_does_not_depend_on_how_the_scan_is_stored(
    grid: Grid, spacing_mm: tuple[float, ...], axcodes: str
) -> None:
    upright = grid.upright(spacing_mm, axcodes)
    for stored_as in ALL_ORIENTATIONS:
        other = grid.reoriented(stored_as).upright(spacing_mm, axcodes)
        assert other.same_as(upright, 1e-6), other.differences(upright, 1e-6)


@given(grids(), spacings)
def test_a_resampled_grid_covers_the_same_box_along_the_same_axes(grid: Grid, spacing_mm: tuple[float, ...]) -> None:
    resampled = grid.resampled(spacing_mm)
    np.testing.assert_allclose(resampled.spacing_mm, spacing_mm)
    np.testing.assert_allclose(
        resampled.affine[:3, :3] / resampled.spacing_mm, grid.affine[:3, :3] / grid.spacing_mm, atol=1e-12
    )
    np.testing.assert_allclose(resampled.corners_mm().mean(axis=0), grid.corners_mm().mean(axis=0), atol=1e-7)
    excess = np.multiply(resampled.shape, spacing_mm) - np.multiply(grid.shape, grid.spacing_mm)
    assert (excess >= -2e-3 * np.asarray(spacing_mm)).all()
    assert (excess < 1.01 * np.asarray(spacing_mm)).all()


@pytest.mark.parametrize(
    ("extent_mm", "voxels"), [(99.9999, 100), (100.0, 100), (100.0001, 100), (100.01, 101), (0.2, 1)]
)
def test_an_extent_that_is_whole_but_for_rounding_is_whole(extent_mm: float, voxels: int) -> None:
    grid = Grid.from_spacing((10, 10, 10), (extent_mm / 10,) * 3)
    assert grid.upright(1.0).shape == (voxels,) * 3
    assert grid.resampled(1.0).shape == (voxels,) * 3


@pytest.mark.parametrize(
    ("index", "margin_mm", "inside"),
    [
        ((0, 0, 0), 0, True),
        ((-0.49, 2, 2), 0, True),
        ((-0.51, 2, 2), 0, False),
        ((4.49, 5.49, 6.49), 0, True),
        ((4.51, 5, 6), 0, False),
        ((4.99, 5, 6), 1, True),  # half a voxel excess, 2 mm wide
        ((5.01, 5, 6), 1, False),
        ((2, 2, 2), -10, False),
    ],
)
def test_a_voxel_belongs_to_the_grid_up_to_its_border(index: tuple[float, ...], margin_mm: float, inside: bool) -> None:
    grid = Grid.from_spacing((5, 6, 7), 2.0, (-30, 12, 7), "PIR")
    assert bool(grid.contains(grid.to_mm(index), margin_mm)) is inside
    assert grid.contains([grid.to_mm(index)] * 4, margin_mm).tolist() == [inside] * 4


@pytest.mark.parametrize(("radians", "upright"), [(0, True), (5e-5, True), (2e-4, False), (1e-3, False), (0.3, False)])
def test_upright_means_less_than_a_tenth_of_a_voxel_over_a_thousand(radians: float, upright: bool) -> None:
    for axcodes in ("RAS", "IPR"):
        assert turned(Grid.from_spacing((5, 6, 7), (1, 2, 3), axcodes=axcodes), radians).is_upright is upright


GRID = Grid.from_spacing((5, 6, 7), (1, 2, 3), (10, 20, 30))


@pytest.mark.parametrize(
    ("other", "messages"),
    [
        (GRID, []),
        (Grid.from_spacing((5, 6, 7), (1, 2, 3), (10.009, 20, 30)), []),
        (Grid.from_spacing((5, 6, 7), (1, 2, 3), (10.02, 20, 30)), ["voxels up to 0.02 mm apart"]),
        (Grid.from_spacing((5, 6, 8), (1, 2, 3), (10, 20, 30)), ["shape (5, 6, 7) and (5, 6, 8)"]),
        (Grid.from_spacing((5, 6, 7), (1, 2, 3.1), (10, 20, 30)), ["voxels up to 0.65 mm apart"]),
        (
            Grid.from_spacing((5, 6, 7), (1, 2, 3), (14, 20, 30), "LAS"),
            ["orientation RAS and LAS", "voxels up to 5 mm apart"],
        ),
        (GRID.reoriented("ARS"), ["shape (5, 6, 7) and (6, 5, 7)", "orientation RAS and ARS", "voxels up to 13.4 mm"]),
    ],
)
def test_differences_of_two_grids_are_described(other: Grid, messages: list[str]) -> None:
    differences = GRID.differences(other)
    assert len(differences) == len(messages)
    assert all(words in difference for words, difference in zip(messages, differences, strict=True)), differences
    assert GRID.same_as(other) is (not messages)
    if messages:
        with pytest.raises(ValueError, match=r"Image and label map must lie on one grid. Received: "):
            GRID.require_same(other, "Image and label map")
    else:
        GRID.require_same(other, "Image and label map")


@given(grids(), grids())
def test_being_the_same_works_both_ways_for_grids_of_one_spacing(one: Grid, other: Grid) -> None:
    assert one.same_as(one)
    moved = Grid(one.shape, other.affine)
    if min(moved.spacing_mm) == min(one.spacing_mm):
        assert one.same_as(moved) is moved.same_as(one)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid((5, 6), np.eye(4)), r"three whole numbers .* Received: \(5, 6\)"),
        (lambda: Grid((5, 6, 0), np.eye(4)), r"above zero. Received: \(5, 6, 0\)"),
        (lambda: Grid((5, 6, -3), np.eye(4)), "voxels above zero"),
        (lambda: Grid((5, 6, 2.5), np.eye(4)), "whole numbers"),  # type: ignore[arg-type]
        (lambda: Grid((5, 6, 7), np.eye(3)), "finite 4x4 matrix"),
        (lambda: Grid((5, 6, 7), np.diag([1, np.nan, 1, 1])), "finite 4x4 matrix. Received: .*nan"),
        (lambda: Grid((5, 6, 7), np.diag([1, np.inf, 1, 1])), "finite 4x4 matrix"),
        (lambda: Grid((5, 6, 7), np.diag([1, 1, 1, 2])), "last row"),
        (lambda: Grid((5, 6, 7), np.diag([1, 0, 1, 1])), r"above zero. Received: \[1.0, 0.0, 1.0\] mm"),
        (lambda: Grid((5, 6, 7), [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]), "spacing|one plane"),
        (lambda: Grid((5, 6, 7), [[1, 0, 1, 0], [0, 1, 1, 0], [0, 0, 1e-5, 0], [0, 0, 0, 1]]), "in one plane"),
        (lambda: Grid.from_spacing((5, 6, 7), (1, -2, 3)), r"above zero. Received: \[1.0, -2.0, 3.0\] mm"),
        (lambda: Grid.from_spacing((5, 6, 7), 0), "above zero. Received: 0.0 mm"),
        (lambda: Grid.from_spacing((5, 6, 7), (1, 2)), "one number or three"),
        (lambda: Grid.from_spacing((5, 6, 7), 1, axcodes="RAX"), "Received: 'RAX'"),
        (lambda: Grid.from_spacing((5, 6, 7), 1, axcodes="RLS"), "Received: 'RLS'"),
        (lambda: Grid.from_spacing((5, 6, 7), 1, axcodes="RA"), "Received: 'RA'"),
        (lambda: GRID.upright(0), "above zero"),
        (lambda: GRID.upright((1, 1, np.nan)), "above zero"),
        (lambda: GRID.resampled(-1), "above zero"),
        (lambda: GRID.reoriented("XYZ"), "Received: 'XYZ'"),
        (lambda: GRID.window((0, 0, 0), (1, 1, 0)), "voxels above zero"),
        (lambda: GRID.padded(0, (0, 0, -7)), "voxels above zero"),
    ],
)
def test_an_invalid_grid_is_refused_with_its_values(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_a_grid_copies_its_affine() -> None:
    affine = np.eye(4)
    grid = Grid((2, 2, 2), affine)
    affine[0, 3] = 5
    assert grid.affine[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 3] = 5


@given(st.floats(-1e-7, 1e-7), origins)
def test_a_scan_turned_by_45_degrees_equals_itself_after_rounding(error: float, origin_mm: tuple[float, ...]) -> None:
    """The letters jump there from one orientation to the next, though no voxel moves."""
    grid = Grid.from_spacing((40, 40, 9), 1.0, origin_mm)
    one, other = turned(grid, np.pi / 4), turned(grid, np.pi / 4 + error)
    assert one.same_as(other)


def test_single_slices_of_other_thickness_are_on_other_grids() -> None:
    """All their voxel centres agree, yet a voxel of one holds five times the volume of the other's."""
    thin, thick = Grid.from_spacing((20, 20, 1), (1, 1, 1)), Grid.from_spacing((20, 20, 1), (1, 1, 5))
    assert not thin.same_as(thick)
