"""Measurements in a scan's picture: the figures that were measured, at the bodies that they belong to."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.anatomy.morphometry.spine_measurements import SpineAngle, SpineMeasurements, VertebraMeasurement
from utility_functions.anatomy.morphometry.vertebral_body import BodyShape, EndPlate
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.quarter_turns import turned, turned_points
from utility_functions.geometry.volume import Volume
from utility_functions.records.turned_findings import turned_landmarks
from utility_functions.reporting.pictures import scan_figure

GRID = Grid.from_spacing((40, 50, 60), 3.0, (-60.0, -75.0, -90.0))
IMAGE = Volume(np.zeros(GRID.shape, np.int16), GRID)
PLACES = {"L1": (0.0, 0.0, 40.0), "L2": (0.0, 5.0, 5.0), "L3": (0.0, 0.0, -30.0)}
LANDMARKS = Landmarks(tuple(PLACES), list(PLACES.values()))


def shape(place: tuple[float, float, float], front: float) -> BodyShape:
    """A body 30 mm deep and 40 mm wide, its back 25 mm high."""
    centre, tilt = np.array(place), np.arctan2(25.0 - front, 30.0) / 2
    plates = [
        EndPlate(
            centre + np.array([0.0, 0.0, sign * (25.0 + front) / 4]), np.array([0.0, sign * np.sin(tilt), np.cos(tilt)])
        )
        for sign in (1, -1)
    ]
    axes = np.eye(3)
    return BodyShape(centre, axes[0], axes[1], axes[2], front, (25.0 + front) / 2, 25.0, 30.0, 40.0, *plates)


MEASURED = SpineMeasurements(
    (
        VertebraMeasurement("L1", 40.0, "", shape(PLACES["L1"], 25.0), grade=0, loss=0.0),
        VertebraMeasurement("L2", 30.0, "", shape(PLACES["L2"], 17.0), grade=2, loss=0.32),
        VertebraMeasurement("L3", 10.0, "truncated by the field of view"),
    ),
    (),
    (SpineAngle("lumbar lordosis L1-L5", 41.4, "L1", "L5"), SpineAngle("largest coronal Cobb angle", 12.0, "L1", "L2")),
)


@pytest.mark.parametrize("quarter_turns", [0, 1])
def test_heights_grades_and_angles_stand_in_the_picture(quarter_turns: int) -> None:
    """Whatever the turn of the picture, its lines lie at the bodies."""
    image, landmarks = turned(IMAGE, quarter_turns), turned_landmarks(LANDMARKS, quarter_turns)
    figure = scan_figure(image, landmarks, measured=MEASURED, quarter_turns=quarter_turns)
    sagittal = figure.axes[0]
    words = [text.get_text() for text in sagittal.texts]
    assert "25 25 25" in words and "grade 2?  17 21 25" in words and "front middle back, mm" in words
    assert any("lumbar lordosis L1-L5 41°" in each.get_text() for each in figure.texts)
    assert any("largest coronal Cobb angle L1-L2 12°" in each.get_text() for each in figure.texts)
    plain = scan_figure(image, landmarks)
    drawn = [len(axes.lines) - len(before.lines) for axes, before in zip(figure.axes, plain.axes, strict=True)]
    assert drawn == [2 * (2 + 3), 2]
    upper = MEASURED.vertebrae[0].shape
    assert upper is not None
    ends = turned_points([upper.corner(True, True), upper.corner(True, False)], quarter_turns)
    lines = [np.asarray(line.get_xydata()) for line in sagittal.lines]
    assert any(line.shape == (2, 2) and np.allclose(line, ends[:, 1:]) for line in lines)


def test_a_scan_without_measured_bodies_is_drawn_as_ever() -> None:
    nothing = SpineMeasurements((VertebraMeasurement("L3", 10.0, "truncated by the field of view"),))
    figure = scan_figure(IMAGE, LANDMARKS, measured=nothing)
    assert [len(axes.texts) for axes in figure.axes] == [len(axes.texts) for axes in scan_figure(IMAGE, LANDMARKS).axes]
