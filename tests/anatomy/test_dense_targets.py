"""Dense targets against their definition, voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.anatomy.dense_targets import dense_levels, tube_ends
from utility_functions.anatomy.labels import CSI_LEVELS, LEVELS
from utility_functions.anatomy.spine_sizes import DISK_DIAMETER_MM, STEP_MM, usual_half_height_mm
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks


def spine(names=("T11", "T12", "L1", "L2"), lean=(0.1, -0.2)) -> Landmarks:
    """An inclined chain of centroids, 30 mm apart along z."""
    steps = np.arange(len(names))[:, None] * np.array([[30 * lean[0], 30 * lean[1], -30.0]])
    return Landmarks(tuple(names), np.array([3.0, -4.0, 60.0]) + steps)


def level_by_loops(landmarks: Landmarks, grid: Grid) -> np.ndarray:
    """The definition in loops: the tube with the slice and the disk of the voxel; later levels win."""
    levels = np.zeros(grid.shape, np.uint8)
    for index in np.ndindex(*grid.shape):
        x, y, z = grid.to_mm(index)
        for name, (upper, centre, lower) in tube_ends(landmarks).items():
            if not lower[2] <= z < upper[2]:
                continue
            near, far = (centre, upper) if z >= centre[2] else (lower, centre)
            fraction = (z - near[2]) / (far[2] - near[2])
            axis = near + fraction * (far - near)
            if np.hypot(x - axis[0], y - axis[1]) <= DISK_DIAMETER_MM[name] / 2:
                levels[index] = CSI_LEVELS[name]
    return levels


@pytest.mark.parametrize("spacing", [3.0, (2.0, 3.0, 5.0)])
def test_the_array_form_equals_the_loops(spacing) -> None:
    grid = Grid.from_spacing((20, 18, 24), spacing, (-25.0, -30.0, -40.0))
    assert np.array_equal(dense_levels(spine(), grid), level_by_loops(spine(), grid))


def test_each_tube_runs_between_the_midpoints_to_its_neighbours() -> None:
    landmarks = spine()
    ends = tube_ends(landmarks)
    assert np.allclose(ends["T12"][0], (landmarks.point("T11") + landmarks.point("T12")) / 2)
    assert np.allclose(ends["T12"][2], (landmarks.point("T12") + landmarks.point("L1")) / 2)
    assert np.allclose(ends["T11"][0] + ends["T11"][2], 2 * landmarks.point("T11"))  # mirrored at the end


def test_a_missing_level_leaves_a_gap_and_not_a_longer_neighbour() -> None:
    landmarks = spine(("L1", "L2", "L3", "L4")).only(("L1", "L2", "L4"))
    ends = tube_ends(landmarks)
    assert ends["L2"][2][2] > landmarks.point("L4")[2] + 30
    grid = Grid.from_spacing((30, 30, 90), 2.0, (-30, -30, -80))
    assert set(np.unique(dense_levels(landmarks, grid))) == {0, *(CSI_LEVELS[name] for name in landmarks.names)}


def test_one_vertebra_alone_has_its_usual_height() -> None:
    (upper, _, lower) = tube_ends(spine(("L3",)))["L3"]
    assert upper[2] - lower[2] == pytest.approx((35.8 + 36.5) / 2)


def test_l6_counts_as_l5_and_t13_as_t12() -> None:
    grid = Grid.from_spacing((20, 20, 60), 3.0, (-25, -30, -60))
    found = np.unique(dense_levels(spine(("T12", "T13", "L1")), grid))
    assert list(found) == [0, CSI_LEVELS["T12"], CSI_LEVELS["L1"]]
    assert set(np.unique(dense_levels(spine(("L5", "L6")), grid))) == {0, CSI_LEVELS["L5"]}


def test_landmarks_outside_the_grid_or_none_give_empty_targets() -> None:
    grid = Grid.from_spacing((5, 5, 5), 1.0, (500, 500, 500))
    assert not dense_levels(spine(), grid).any()
    assert not dense_levels(Landmarks.empty(), grid).any()


def test_other_orientations_are_refused() -> None:
    with pytest.raises(ValueError, match="upright RAS"):
        dense_levels(spine(), Grid.from_spacing((5, 5, 5), 1.0, axcodes="LPS"))


def test_every_level_has_a_diameter_and_neighbours_a_distance() -> None:
    assert set(DISK_DIAMETER_MM) == set(LEVELS)
    assert STEP_MM["T1", "T2"] == 20.9 and STEP_MM["C7", "T1"] == 20.0 and STEP_MM["T11", "T12"] == 29.6


@pytest.mark.parametrize(
    ("name", "full_mm"),
    [
        ("C1", 17.5),
        ("C7", (17.9 + 20.0) / 2),
        ("T11", (27.3 + 29.6) / 2),
        ("T12", (29.6 + 32.4) / 2),
        ("L1", (32.4 + 34.6) / 2),
        ("L5", (36.3 + 34.0) / 2),
        ("S1", (34.0 + 27.0) / 2),
        ("S2", 27.0),
        ("T13", (31.0 + 32.4) / 2),
        ("L6", (36.6 + 34.0) / 2),
    ],
)
def test_variants_do_not_change_the_height_of_usual_levels(name: str, full_mm: float) -> None:
    assert usual_half_height_mm(name) == pytest.approx(full_mm / 2)


def test_an_unmarked_t12_is_no_part_of_its_neighbours() -> None:
    z = np.array([60.0, 60 - 29.6 - 32.4])
    ends = tube_ends(Landmarks(("T11", "L1"), np.stack([0 * z, 0 * z, z], axis=1)))
    assert ends["T11"][2][2] > z[0] - 18 and ends["L1"][0][2] < z[1] + 18
    near = np.array([60.0, 29.0])  # a spine without T12
    assert tube_ends(Landmarks(("T11", "L1"), np.stack([0 * near, 0 * near, near], axis=1)))["L1"][0][2] == 44.5
