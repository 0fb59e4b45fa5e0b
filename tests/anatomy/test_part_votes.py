"""Names from votes and parts, on lordotic spines, with wrong, compressed or expanded votes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from utility_functions.anatomy.labels import CSI_LEVELS, LEVELS, VERSE_IDS
from utility_functions.anatomy.part_votes import centre_line, part_votes
from utility_functions.anatomy.parts import BODY, DISC, SACRUM, column_of
from utility_functions.anatomy.spine_sizes import STEP_MM
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

GRID = Grid.from_spacing((36, 80, 110), 2.0, (-36.0, -80.0, -110.0))
PLACES = GRID.to_mm(np.argwhere(np.ones(GRID.shape, bool)))
RADIUS = 17.0


def spine(names: tuple[str, ...], bend: float) -> tuple[Landmarks, np.ndarray, LabelMap]:
    """Centres along a curve whose inclination grows by ``bend`` degrees a level, true levels, and parts.

    The lowest quarter of a step between two bodies is disc; S1 has wings of sacrum beside it.
    """
    leans = np.radians(bend * (np.arange(len(names)) - 1.0))
    centres = [np.zeros(3)]
    for place, (upper, lower) in enumerate(pairwise(names)):
        step = STEP_MM[upper, lower]
        centres.append(centres[-1] + step * np.array([0.0, -np.sin(leans[place]), -np.cos(leans[place])]))
    points = np.array(centres) - np.mean(centres, axis=0)
    ends = np.vstack([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    levels, parts = np.zeros(len(PLACES), np.float32), np.zeros(len(PLACES), np.uint8)
    for place, name in enumerate(names, start=1):
        up, down = (ends[place - 1] - ends[place]) / 2, (ends[place + 1] - ends[place]) / 2
        off = PLACES - ends[place]
        rise, fall = off @ up / (up @ up), off @ down / (down @ down)
        along = np.where(rise > 0, rise, -fall)
        axis = ends[place] + np.clip(rise, 0, 1)[:, None] * up + np.clip(fall, 0, 1)[:, None] * down
        away = np.linalg.norm(PLACES - axis, axis=1)
        within = (rise <= 1) & (fall <= 1)
        free = within & (levels == 0)
        own = free & (away < RADIUS)
        levels[own] = CSI_LEVELS[name]
        parts[own] = np.where(abs(along[own]) > 0.75, DISC, BODY)
        if name == "S1":
            parts[free & (away >= RADIUS) & (away < 32)] = SACRUM
    shape = GRID.shape
    return Landmarks(names, points), levels.reshape(shape), LabelMap(parts.reshape(shape), GRID)


@pytest.mark.parametrize("bend", [0.0, 8.0, 16.0])
@pytest.mark.parametrize("off", [-0.6, -0.45, 0.0, 0.45, 0.6])
def test_sacrum_and_discs_decide_levels_where_votes_are_ambiguous(off: float, bend: float) -> None:
    landmarks, levels, parts = spine(("L2", "L3", "L4", "L5", "S1"), bend)
    named = part_votes(np.where(levels > 0, levels + np.float32(off), 0), parts)
    found = named.landmarks.only(landmarks.names)  # S1 may be split into S1 and S2
    assert found.names == landmarks.names
    assert np.linalg.norm(found.points_mm - landmarks.points_mm, axis=1)[:-1].max() < 4.0


@pytest.mark.parametrize("bend", [0.0, 8.0, 16.0])
def test_ids_lie_on_bodies_at_any_tilt(bend: float) -> None:
    landmarks, levels, parts = spine(("L1", "L2", "L3", "L4", "L5"), bend)
    named = part_votes(levels, parts)
    body = parts.voxels == BODY
    assert not named.instances.voxels[~body].any()
    right = [named.instances.voxels[body & (levels == CSI_LEVELS[name])] == VERSE_IDS[name] for name in landmarks.names]
    assert np.concatenate(right).mean() > 0.95


def test_without_a_sacrum_no_level_is_sacral() -> None:
    landmarks, levels, parts = spine(("L1", "L2", "L3", "L4", "L5"), 5.0)
    assert part_votes(np.where(levels > 0, levels + np.float32(0.52), 0), parts).landmarks.names == landmarks.names


@pytest.mark.parametrize("pace", [0.8, 1.0, 1.2])
def test_discs_correct_the_number_of_levels_of_compressed_or_expanded_votes(pace: float) -> None:
    names = ("T10", "T11", "T12", "L1", "L2", "L3")
    landmarks, levels, parts = spine(names, 4.0)
    middle = np.mean([CSI_LEVELS[name] for name in names])
    ramp = np.where(levels > 0, middle + np.float32(pace) * (levels - middle), 0).astype(np.float32)
    assert part_votes(ramp, parts).landmarks.names == landmarks.names


@pytest.mark.parametrize("names", [("L3",), ("L3", "L4"), ("T12", "L1")])
def test_one_or_two_vertebrae_are_named(names: tuple[str, ...]) -> None:
    shown = LEVELS[LEVELS.index(names[0]) - 1 : LEVELS.index(names[-1]) + 2] if len(names) == 1 else names
    shown = tuple(name for name in shown if name != "T13")
    _, levels, parts = spine(shown, 5.0)
    wanted = np.isin(levels, [CSI_LEVELS[name] for name in names])
    named = part_votes(np.where(wanted, levels, 0), LabelMap(np.where(wanted, parts.voxels, 0).astype(np.uint8), GRID))
    assert named.landmarks.names == names


@pytest.mark.parametrize("right", [0.4, 0.6])
def test_class_probabilities_name_levels_where_the_likeliest_class_does_not(right: float) -> None:
    """Each voxel is ambiguous between its level and one three higher, which no neighbour supports."""
    landmarks, levels, parts = spine(("L1", "L2", "L3", "L4", "L5", "S1"), 8.0)
    voxels = column_of(parts).voxels > 0
    true = levels[voxels].astype(int)
    level_probabilities = np.zeros((len(true), 26), np.float32)
    level_probabilities[np.arange(len(true)), true - 1] = right
    wrong = np.where(np.arange(len(true)) % 2, true - 4, true % 26)
    level_probabilities[np.arange(len(true)), wrong] = 1 - right
    likeliest = np.zeros_like(levels)
    likeliest[voxels] = level_probabilities.argmax(axis=1) + 1
    named = part_votes(likeliest, parts, level_probabilities).landmarks
    assert named.only(landmarks.names).names == landmarks.names


def test_nothing_detected_names_nothing() -> None:
    _, levels, parts = spine(("L3", "L4"), 0.0)
    named = part_votes(levels, parts.with_voxels(np.zeros(GRID.shape, np.uint8)))
    assert not len(named.landmarks)


def test_the_centre_line_follows_a_curved_column() -> None:
    landmarks, levels, _ = spine(("T12", "L1", "L2", "L3", "L4", "L5"), 12.0)
    line = centre_line(GRID.to_mm(np.argwhere(levels > 0)), GRID.spacing_mm)
    assert (np.diff(line[:, 2]) < 0).all()
    for _, point in landmarks:
        assert np.linalg.norm(line - point, axis=1).min() < 3.0


@pytest.mark.parametrize("bend", [0.0, 8.0])
def test_for_the_decoder_each_body_between_discs_is_one_component(bend: float) -> None:
    landmarks, levels, parts = spine(("T11", "T12", "L1", "L2", "L3", "L4"), bend)
    first, last = CSI_LEVELS["T11"], CSI_LEVELS["L4"]
    squeezed = first + (levels - first) * (last - first - 1) / (last - first)  # five levels voted over six bodies
    named = part_votes(np.where(levels > 0, squeezed, 0).astype(np.float32), parts, variants=True)
    assert len(named.landmarks) == len(landmarks)
    assert np.linalg.norm(named.landmarks.points_mm - landmarks.points_mm, axis=1).max() < 5
    assert named.bodies is not None and len(named.bodies.level_probabilities) == len(landmarks)


@pytest.mark.parametrize("height_mm", [30.0, 40.0, 60.0])
@pytest.mark.parametrize("wedge", ["none", "front", "back"])
def test_a_slab_wider_than_tall_is_not_split_obliquely(wedge: str, height_mm: float) -> None:
    """One body, with discs that the border of the slab shows as wedges: slices across it stay axial."""
    x, y, z = PLACES.T
    inside = (np.hypot(x, y / 1.2) < RADIUS) & (np.abs(z) < height_mm / 2)
    if wedge != "none":
        depth = y if wedge == "front" else -y
        inside &= z > -height_mm / 2 + 8 * (1 - depth / RADIUS) / 2
    line = centre_line(PLACES[inside], GRID.spacing_mm)
    lean = (line[-1] - line[0]) / np.linalg.norm(line[-1] - line[0])
    assert np.degrees(np.arccos(-lean[2])) < 15
