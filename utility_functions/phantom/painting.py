"""Paints one patient, from the outside in: soft tissues first, then every bone, each in its own box."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from utility_functions.phantom.anatomy import Spine, Vertebra
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.discs import paint_discs
from utility_functions.phantom.implants import add_streaks, paint_implants
from utility_functions.phantom.layers import paint_layers
from utility_functions.phantom.lesions import operated, paint_lesions, tissue_of
from utility_functions.phantom.muscles import paint_canal, paint_muscles
from utility_functions.phantom.organs import paint_organs
from utility_functions.phantom.shapes import OUTER, Frame, capsule, ellipsoid
from utility_functions.phantom.skeleton import (
    along,
    femur_solids,
    jaw_solids,
    level_frame,
    pelvis_solids,
    rib_paths,
    sacrum_solids,
    shoulder_solids,
    sternum_path,
)
from utility_functions.phantom.spurs import paint_spurs
from utility_functions.phantom.tissue import Tissue, draw_tissue
from utility_functions.phantom.torso import Torso
from utility_functions.phantom.vertebra import vertebra_solids


def paint_patient(canvas: Canvas, spine: Spine, torso: Torso, rng: np.random.Generator) -> None:
    """Fill a canvas with the patient: HU, and the VerSe id of every vertebra and the sacrum."""
    tissue = draw_tissue(rng)
    paint_layers(canvas, spine, torso, tissue, rng)
    paint_organs(canvas, spine, torso, tissue, rng)
    paint_muscles(canvas, spine, tissue, rng)
    paint_canal(canvas, spine, tissue)
    _paint_other_bones(canvas, spine, torso, tissue, rng)
    paint_discs(canvas, spine, tissue)
    paint_spurs(canvas, spine, tissue)
    _paint_sacrum(canvas, spine, tissue)
    for vertebra in spine.vertebrae[:-1]:
        _paint_vertebra(canvas, spine, vertebra, tissue_of(spine, vertebra, tissue))
    paint_lesions(canvas, spine, tissue)
    paint_implants(canvas, spine)
    add_streaks(canvas, spine)


def atlas_centre(vertebra: Vertebra) -> NDArray[np.float64]:
    """The mean of C1's ring: it has no body to mark."""
    solids, canal = vertebra_solids(vertebra)
    low, high = np.min([s.low for s in solids], axis=0), np.max([s.high for s in solids], axis=0)
    steps = [np.arange(a, b, 1.5, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    x, y, z = np.meshgrid(*steps, indexing="ij")
    inside = np.minimum.reduce([solid.distance(x, y, z) for solid in solids]) < 0
    inside &= canal.distance(x, y, z) > 0
    return vertebra.frame.out([float(v[inside].mean()) for v in (x, y, z)])


def _paint_vertebra(canvas: Canvas, spine: Spine, vertebra: Vertebra, tissue: Tissue) -> None:
    solids, canal = vertebra_solids(vertebra)
    found = canvas.distances(vertebra.frame, solids, blend_mm=2.0)
    if found is None:
        return
    box, field = found
    x, y, z = canvas.coordinates(vertebra.frame, box)
    np.maximum(field, -canal.distance(x, y, z) * np.float32(vertebra.scale), out=field)
    field = operated(spine, vertebra, field, x, y, z)
    behind = np.clip((-y - np.float32(vertebra.size.depth / 2)) / 4, 0, 1).astype(np.float32)
    cortex = np.float32(tissue.cortex_mm) * (1 + np.float32(0.9) * behind)
    canvas.bone(box, field, "vertebra", tissue.cortex_hu, tissue.marrow_hu + 60 * behind, cortex, tissue.grain_hu)
    canvas.label(box, field, vertebra.number)


def _paint_sacrum(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    sacrum = spine["S1"]
    found = canvas.distances(sacrum.frame, sacrum_solids(), blend_mm=5.0)
    if found is not None:
        canvas.bone(
            *found, "sacrum", tissue.cortex_hu * 0.8, tissue.marrow_hu * 0.75, tissue.cortex_mm, tissue.grain_hu
        )
        canvas.label(*found, sacrum.number)


def _paint_other_bones(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    def paint(bone: str, frame: Frame, solids: list, blend_mm: float, cortex_mm: float) -> None:
        found = canvas.distances(frame, solids, blend_mm)
        if found is not None:
            canvas.bone(*found, bone, tissue.cortex_hu, tissue.marrow_hu * 0.8, cortex_mm, tissue.grain_hu)

    for number, path in rib_paths(spine, torso, rng):
        radius = 3.6 if number > 10 else 4.2
        frame = Frame(np.eye(3), np.zeros(3))
        bony = path[: len(path) - 3] if number < 11 else path
        paint("rib", frame, along(bony[:6], radius * 0.9, 1.25), 1.0, 1.1)
        for start in range(5, len(bony) - 1, 4):
            paint("rib", frame, along(bony[start : start + 5], radius, 1.4), 0.0, 1.1)
        if number < 11:
            canvas.fill(frame, along(path[len(path) - 4 :], radius * 0.9, 1.3), "cartilage", 110.0, grain=10)
    sternum = sternum_path(spine, torso)
    for a, b in pairwise(sternum):
        offsets = [np.array([dx, 0, 0]) for dx in (-11, 0, 11)]
        paint("sternum", OUTER, [capsule(a + o, b + o, 5.5) for o in offsets], 4.0, 1.0)
    shoulders = level_frame(spine, "T3")
    for radius, name, hu in (
        (46.0, "fat", tissue.fat_hu),
        (39.0, "muscle", tissue.muscle_hu),
    ):  # arms, raised as for most scans of the trunk
        for side in (-1.0, 1.0):
            canvas.fill(shoulders, [capsule((side * 166, 4, 0), (side * 190, 8, 220), radius)], name, hu, grain=6)
    paint("shoulder", shoulders, shoulder_solids(), 2.0, 1.4)
    for pair in _halves(pelvis_solids()):
        paint("pelvis", level_frame(spine, "S1"), pair, 3.0, 1.6)
    for pair in _halves(femur_solids()):
        paint("femur", level_frame(spine, "S1"), pair, 3.0, 1.8)
    _paint_skull(canvas, spine, tissue)
    for pair in _halves(jaw_solids()):
        paint("jaw", level_frame(spine, "C2"), pair, 2.0, 1.8)


def _halves(solids: list) -> list[list]:
    """Solids left and right of the median plane, so that each side gets a small box."""
    left = [solid for solid in solids if solid.low[0] + solid.high[0] < 0]
    right = [solid for solid in solids if solid.low[0] + solid.high[0] >= 0]
    return [left, right]


def _paint_skull(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """The vault of the skull with brain inside, open to the canal, its condyles resting on C1."""
    atlas = spine["C1"]
    level = level_frame(spine, "C1")
    shell = canvas.distances(level, [ellipsoid((0, -2, 78), (71, 88, 68))])
    if shell is not None:
        box, field = shell
        canvas.bone(box, field, "skull", tissue.cortex_hu * 1.1, 36.0, 5.5, 3.0, inside="brain")
        canvas.fill(atlas.frame, [capsule((0, -13, -5), (0, -13, 26), 14.0)], "brain", 34.0)
    for side in (-1.0, 1.0):  # mastoid bone and the sinus of the upper jaw hold air
        for centre, radii, inside in (((50, -8, 20), (13, 17, 20), -350.0), ((22, 62, 22), (18, 16, 17), -950.0)):
            hollow_bone = canvas.distances(level, [ellipsoid((side * centre[0], *centre[1:]), radii)])
            if hollow_bone is not None:
                canvas.bone(
                    *hollow_bone, "skull", tissue.cortex_hu, inside, 1.5, 150.0 if inside > -900 else 5.0, "airway"
                )
    canvas.fill(level, [ellipsoid((0, 58, 26), (9, 26, 20))], "airway", -900.0)
    base = [capsule((side * 17, 4, 11), (side * 20, 2, 18), 6.5, 8.0) for side in (-1, 1)] + [
        ellipsoid((0, 26, 20), (15, 16, 8)),
        capsule((-40, 2, 26), (-22, 4, 20), 9),
        capsule((22, 4, 20), (40, 2, 26), 9),
    ]
    found = canvas.distances(atlas.frame, base, 3.0)
    if found is not None:
        canvas.bone(*found, "skull", tissue.cortex_hu, tissue.marrow_hu, 1.8, tissue.grain_hu)
