"""Bones: gaps at joints, realistic sizes and proportions, cortex by position."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from utility_functions.phantom.bones import (
    JOINT_MM,
    Surface,
    keep_off,
    paint_sacrum,
    paint_vertebrae,
    separate,
    vertebra_surfaces,
)
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.joints import lower_facets, upper_facets
from utility_functions.phantom.posture import draw_spine
from utility_functions.phantom.ribcage import rib_paths
from utility_functions.phantom.spine_model import SIZES, Spine, draw_sizes
from utility_functions.phantom.tissue import draw_tissue
from utility_functions.phantom.torso import draw_torso
from utility_functions.phantom.variants import USUAL

SPACING = 1.5


def canvas_round(spine: Spine, spacing: float = SPACING) -> Canvas:
    low, high = spine.centres.min(axis=0) - (62, 90, 130), spine.centres.max(axis=0) + np.array([62, 40, 40])
    x, y, z = (int(v) for v in np.ceil((high - low) / spacing))
    return Canvas((x, y, z), spacing, low)


@pytest.fixture(scope="module")
def painted() -> tuple[Spine, Canvas, dict[str, Surface]]:
    spine = draw_spine(np.random.default_rng(3), healthy=True)
    canvas = canvas_round(spine)
    surfaces = vertebra_surfaces(canvas, spine)
    rng = np.random.default_rng(1)
    tissue = draw_tissue(rng)
    paint_sacrum(canvas, spine, tissue, surfaces)
    paint_vertebrae(canvas, spine, tissue, surfaces, rng)
    return spine, canvas, surfaces


def test_no_voxel_belongs_to_two_vertebrae(painted: tuple[Spine, Canvas, dict[str, Surface]]) -> None:
    spine, canvas, surfaces = painted
    inside = np.zeros(canvas.shape, np.uint8)
    for box, field in surfaces.values():
        inside[box] += field < 0
    assert inside.max() == 1
    assert set(np.unique(canvas.labels)) == {0, *(vertebra.number for vertebra in spine.vertebrae)}


def test_every_facet_joint_is_a_gap_with_bone_on_either_side(
    painted: tuple[Spine, Canvas, dict[str, Surface]],
) -> None:
    spine, canvas, surfaces = painted

    def depth(name: str, point: np.ndarray) -> float:
        box, field = surfaces[name]
        voxel = np.round((point - canvas.origin) / SPACING).astype(int) - [part.start for part in box]
        return float(field[tuple(voxel)])

    for upper, lower in pairwise(spine.vertebrae):
        for facet in lower_facets(upper, lower):
            middle = upper.frame.out(facet.centre)
            normal = upper.frame.axes @ facet.normal
            between = min(depth(name, middle) for name in (upper.name, lower.name))
            assert between > JOINT_MM / 2 - SPACING, f"{upper.name}-{lower.name} are fused"
            assert depth(upper.name, middle + 3.0 * normal) < 0.5, f"{upper.name} does not reach {lower.name}"
            assert depth(lower.name, middle - 3.0 * normal) < 0.5, f"{lower.name} does not reach {upper.name}"


# Volume of the whole bone in cm3, and its fraction behind the body's centre, as in masks of real scans.
@pytest.mark.parametrize(
    ("name", "least", "most", "behind"),
    [
        ("C1", 6, 16, 0.4),
        ("C2", 9, 20, 0.68),
        ("C4", 6, 15, 0.76),
        ("C7", 8, 20, 0.79),
        ("T3", 12, 26, 0.77),
        ("T8", 16, 36, 0.74),
        ("T12", 26, 50, 0.69),
        ("L2", 36, 66, 0.68),
        ("L4", 40, 72, 0.69),
    ],
)
def test_vertebrae_have_realistic_volumes(
    name: str, least: float, most: float, behind: float, painted: tuple[Spine, Canvas, dict[str, Surface]]
) -> None:
    spine, canvas, _ = painted
    vertebra = spine[name]
    voxels = np.argwhere(canvas.labels == vertebra.number)
    volume = len(voxels) * SPACING**3 / 1000 / spine.scale**3
    assert least < volume < most
    if name != "C1":
        y = vertebra.frame.into(voxels * SPACING + canvas.origin)[:, 1]
        assert (y < 0).mean() == pytest.approx(behind, abs=0.08)


@pytest.mark.parametrize("kind", ["usual", "L6", "T13", "no T12"])
def test_the_canal_is_open_from_the_ring_to_the_sacrum(kind: str) -> None:
    spine = next(s for s in map(draw_spine, map(np.random.default_rng, range(400))) if s.variant.kind == kind)
    canvas = canvas_round(spine, 2.0)
    for name, (box, field) in vertebra_surfaces(canvas, spine).items():
        size = spine[name].size
        y = -10.0 if name == "C1" else -(size.depth + size.canal_depth) / 2
        voxel = np.round((spine[name].frame.out((0, y, 0)) - canvas.origin) / 2.0).astype(int)
        assert field[tuple(voxel - [part.start for part in box])] > 2, name


def test_the_arch_is_brighter_than_the_middle_of_the_body(painted: tuple[Spine, Canvas, dict[str, Surface]]) -> None:
    spine, canvas, _ = painted
    for name in ("T6", "L3"):
        vertebra = spine[name]
        bone = np.argwhere(canvas.labels == vertebra.number)
        place = vertebra.frame.into(bone * SPACING + canvas.origin)
        hu = canvas.hu[tuple(bone.T)]
        core = (np.abs(place) < np.array([0.25 * vertebra.size.width, 0.25 * vertebra.size.depth, 5])).all(axis=1)
        assert hu[place[:, 1] < -vertebra.size.depth / 2 - 4].mean() > hu[core].mean() + 50


def test_separation_leaves_a_gap_and_changes_only_near_voxels() -> None:
    box = (slice(0, 40), slice(0, 1), slice(0, 1))
    x = np.arange(40, dtype=np.float32)[:, None, None]
    one, other = (box, np.maximum(x - 22, 4 - x)), (box, np.maximum(18 - x, x - 36))
    separate(one, other, 2.0)
    assert np.flatnonzero(one[1].ravel() < 0).tolist() == list(range(5, 19))
    assert np.flatnonzero(other[1].ravel() < 0).tolist() == list(range(22, 36))


def test_keeping_a_gap_does_not_change_the_other_bone() -> None:
    box = (slice(0, 20), slice(0, 1), slice(0, 1))
    x = np.arange(20, dtype=np.float32)[:, None, None]
    one, other = (box, x - 12), (box, 10 - x)
    before = other[1].copy()
    keep_off(one, [other], 1.5)
    assert np.array_equal(other[1], before)
    assert (one[1][other[1] < 1.4] > 0).all()


def test_upper_facets_face_each_other_left_and_right() -> None:
    spine = draw_spine(np.random.default_rng(0), healthy=True)
    for vertebra in spine.vertebrae[1:]:
        left, right = upper_facets(vertebra)
        assert np.allclose(left.centre * (-1, 1, 1), right.centre)
        assert np.allclose(left.normal * (-1, 1, 1), right.normal)
        assert abs(float(left.normal @ left.up)) < 0.25


def test_sizes_vary_round_those_of_the_table_and_together() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_sizes(rng, USUAL) for _ in range(300)]
    width = np.array([[size.width / SIZES[name].width for name, size in zip(USUAL, one, strict=True)] for one in drawn])
    assert width.mean() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(width[:, 5], width[:, 20])[0, 1] > 0.8
    assert all(size.step == SIZES[name].step for name, size in zip(USUAL, drawn[0], strict=True))


def test_every_thoracic_level_has_its_pair_of_ribs() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        spine = draw_spine(rng)
        paths = rib_paths(spine, draw_torso(spine, rng), rng)
        numbers = [number for number, _ in paths]
        assert sorted(set(numbers)) == [int(name[1:]) for name in spine.names if name[0] == "T"]
        assert all(numbers.count(number) == 2 for number in numbers)
        assert all(np.isfinite(path).all() and len(path) >= 4 for _, path in paths)
