"""Measurements of a spine of solids whose places, angles and heights are known."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.morphometry.spine_measurements import SpineMeasurements, measured_spine
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.phantom.posture import rotation
from utility_functions.phantom.shapes import endplate_body

WIDTH, DEPTH, HEIGHT = 40.0, 30.0, 25.0
SPACING = 1.0


def spine(bodies: dict[str, tuple], truncated: tuple[str, ...] = ()) -> SpineMeasurements:
    """bodies: for each level its centre (y, z), its rotation, and what differs from a usual body."""
    low, shape = np.array([-30.0, -50.0, -20.0]), (60, 100, 190)
    grid = Grid.from_spacing(shape, [SPACING] * 3, origin_mm=low)
    labels, parts = np.zeros(shape, np.uint8), np.zeros(shape, bool)
    hu = np.full(shape, 40, np.int16)
    centres = {}
    for name, ((y, z), turn, changes) in bodies.items():
        centre = np.array([0.0, y, z])
        first = np.maximum(np.rint(grid.to_index(centre - (24, 36, 20))), 0).astype(int)
        index = first + np.argwhere(np.ones((48, 60, 40), bool))
        local = ((grid.to_mm(index) - centre) @ turn).astype(np.float32)
        body = endplate_body(WIDTH, DEPTH, changes.pop("height", HEIGHT), **changes).distance(*local.T) < 0
        arch = (np.abs(local[:, 0]) < 8) & (np.abs(local[:, 1] + 25) < 5) & (np.abs(local[:, 2]) < 6)
        labels[tuple(index[body | arch].T)] = VERSE_IDS[name]
        parts[tuple(index[body].T)] = True
        hu[tuple(index[body].T)] = 180
        centres[name] = centre
    landmarks = Landmarks(tuple(centres), np.array(list(centres.values())).reshape(-1, 3))
    return measured_spine(LabelMap(labels, grid), LabelMap(parts, grid), landmarks, Volume(hu, grid), truncated)


STRAIGHT = np.eye(3)


def three(**changes) -> dict[str, tuple]:
    return {
        "L1": ((0.0, 120.0), STRAIGHT, {}),
        "L2": ((0.0, 85.0), STRAIGHT, changes),
        "L3": ((0.0, 50.0), STRAIGHT, {}),
    }


def test_sound_vertebrae_have_grade_0_and_their_heights() -> None:
    found = spine(three())
    assert [each.level for each in found.vertebrae] == ["L1", "L2", "L3"]
    for each in found.vertebrae:
        assert each.grade == 0 and each.problem == ""
        assert each.shape.middle_mm == pytest.approx(HEIGHT, abs=1.0)
        assert (each.mean, each.deviation) == (180.0, 0.0)
    for disc in found.discs:
        assert disc.middle_mm == pytest.approx(35 - HEIGHT, abs=1.0)
        assert disc.slip_mm == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize(("wedge", "grade"), [(-8.0, 0), (-17.0, 1), (-22.0, 2)])
def test_wedged_vertebrae_are_graded_by_their_front(wedge: float, grade: int) -> None:
    middle = spine(three(wedge=wedge)).vertebrae[1]
    assert middle.grade == grade
    assert middle.shape.wedge_deg == pytest.approx(wedge, abs=2.0)


def test_a_crushed_vertebra_is_graded_by_its_neighbours() -> None:
    assert spine(three(height=13.0)).vertebrae[1].grade == 3


def test_a_slipped_vertebra_has_its_slip() -> None:
    bodies = three()
    bodies["L1"] = ((6.0, 120.0), STRAIGHT, {})
    upper, lower = spine(bodies).discs
    assert upper.slip_mm == pytest.approx(6.0, abs=1.0) and lower.slip_mm == pytest.approx(0.0, abs=1.0)
    assert upper.slip_fraction == pytest.approx(6.0 / DEPTH, abs=0.05)


def test_lordosis_and_kyphosis_are_positive_as_they_usually_are() -> None:
    lordotic = {"L1": ((0.0, 130.0), rotation(pitch=12), {}), "L5": ((0.0, 20.0), rotation(pitch=-18), {})}
    kyphotic = {"T4": ((0.0, 130.0), rotation(pitch=-15), {}), "T12": ((0.0, 20.0), rotation(pitch=10), {})}
    angles = {each.name: each.degrees for bodies in (lordotic, kyphotic) for each in spine(bodies).angles}
    assert angles["lumbar lordosis L1-L5"] == pytest.approx(30, abs=2)
    assert angles["thoracic kyphosis T4-T12"] == pytest.approx(25, abs=2)


def test_the_coronal_angle_is_that_of_the_most_tilted_pair() -> None:
    bodies = three()
    bodies["L1"] = ((0.0, 120.0), rotation(roll=14), {})
    bodies["L3"] = ((0.0, 50.0), rotation(roll=-6), {})
    [largest] = [each for each in spine(bodies).angles if "Cobb" in each.name]
    assert (largest.upper, largest.lower) == ("L1", "L3") and largest.degrees == pytest.approx(20, abs=2)


def test_truncated_vertebrae_have_a_reason_and_no_figures() -> None:
    found = spine(three(), truncated=("L1",))
    first = found.vertebrae[0]
    assert first.problem == "truncated by the field of view" and first.shape is None and first.grade is None
    assert [disc.upper for disc in found.discs] == ["L2"]


def test_levels_that_are_no_neighbours_have_no_disc_between_them() -> None:
    bodies = three()
    del bodies["L2"]
    assert spine(bodies).discs == ()


def test_nothing_found_gives_no_measurement() -> None:
    assert spine({}) == SpineMeasurements()
