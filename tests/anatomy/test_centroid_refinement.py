"""Centres move to their own bodies, ids lie on bodies only, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.anatomy.centroid_refinement import refined
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.votes import Named
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

GRID = Grid((30, 30, 60), np.diag([2.0, 2.0, 2.0, 1.0]))
CENTRES = {"L2": (29.0, 29.0, 91.0), "L3": (29.0, 29.0, 57.0), "L4": (29.0, 29.0, 23.0)}
TILT = 0.25


def bodies() -> np.ndarray:
    """Three tilted bodies of 36 x 32 x 24 mm with gaps of 10 mm."""
    x, y, z = np.moveaxis(GRID.to_mm(np.argwhere(np.ones(GRID.shape))).reshape(*GRID.shape, 3), -1, 0)
    found = np.zeros(GRID.shape, bool)
    for cx, cy, cz in CENTRES.values():
        level = z - cz - TILT * (y - cy)
        found |= (abs(x - cx) < 18) & (abs(y - cy) < 16) & (abs(level) < 12)
    return found


def rough(off_mm: float, names: tuple[str, ...] = tuple(CENTRES)) -> Named:
    """Centres ``off_mm`` too low, and ids in axial slabs that the tilt makes wrong."""
    slabs = np.zeros(GRID.shape, np.uint8)
    slabs[:, :, :20], slabs[:, :, 20:37], slabs[:, :, 37:] = 23, 22, 21
    points = np.array([CENTRES[name] for name in names]).reshape(-1, 3) - (0, 0, off_mm)
    return Named(Landmarks(names, points), LabelMap(slabs, GRID))


@pytest.mark.parametrize("off_mm", [0.0, 3.0, -6.0, 8.0])
def test_centres_move_to_the_middle_of_their_bodies(off_mm: float) -> None:
    found = refined(rough(off_mm), bodies())
    for name, centre in CENTRES.items():
        assert np.linalg.norm(found.landmarks.point(name) - centre) < 1.0


def test_ids_lie_on_bodies_only_and_follow_their_tilt() -> None:
    found = refined(rough(3.0), bodies())
    assert np.array_equal(found.instances.voxels > 0, bodies())
    for name, (_, cy, cz) in CENTRES.items():
        places = GRID.to_mm(np.argwhere(found.instances.voxels == VERSE_IDS[name]))
        assert (abs(places[:, 2] - cz - TILT * (places[:, 1] - cy)) < 12.01).all()


def test_a_truncated_level_moves_across_the_spine_only() -> None:
    detected = bodies()
    detected[:, :, 46:] = False  # a third of L2
    start = rough(0.0)
    points = start.landmarks.points_mm + np.array([4.0, 0.0, 0.0])
    named = Named(Landmarks(start.landmarks.names, points), start.instances)
    found = refined(named, detected, {"L2": np.array([0.0, 0.0, 1.0])}).landmarks.point("L2")
    assert found[2] == pytest.approx(CENTRES["L2"][2])
    assert abs(found[0] - CENTRES["L2"][0]) < 1.0


def test_bodies_without_an_id_join_no_level() -> None:
    start = rough(0.0, ("L2", "L3"))
    unnamed = start.instances.with_voxels(np.where(start.instances.voxels == 23, 0, start.instances.voxels))
    found = refined(Named(start.landmarks, unnamed), bodies())
    assert np.linalg.norm(found.landmarks.point("L3") - CENTRES["L3"]) < 2.5
    assert not found.instances.voxels[:, :, :16].any()


def test_a_centre_without_a_body_stays() -> None:
    detected = bodies()
    detected[:, :, :20] = False
    found = refined(rough(3.0), detected)
    assert found.landmarks.point("L4") == pytest.approx(np.array(CENTRES["L4"]) - (0, 0, 3.0))


def test_a_truncated_level_without_a_centre_keeps_its_voxels() -> None:
    found = refined(rough(0.0, ("L2", "L3")), bodies())
    assert found.landmarks.names == ("L2", "L3")
    assert (found.instances.voxels == VERSE_IDS["L4"]).any()


def test_nothing_named_gives_nothing() -> None:
    found = refined(rough(0.0, ()), np.zeros(GRID.shape, bool))
    assert not len(found.landmarks)
    assert not found.instances.voxels.any()
