"""Paints the other bones: ribs, sternum, shoulders, hips, skull and mandible, with gaps at the joints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from utility_functions.phantom.bones import JOINT_MM, Surface, hollow_out, keep_off, separate
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.head import FORAMEN, VAULT, base_solids, hyoid_solids, jaw_solids, skull_frame
from utility_functions.phantom.hips import femur_solids, hip_solids, pelvis_frame, socket
from utility_functions.phantom.ribcage import (
    FLOATING,
    rib_paths,
    rib_solids,
    shoulder_solids,
    sternum_path,
    sternum_solids,
)
from utility_functions.phantom.shapes import OUTER, Frame, Shape, capsule, ellipsoid
from utility_functions.phantom.skeleton import along, level_frame
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import Tissue
from utility_functions.phantom.torso import Torso

SIDES = (-1.0, 1.0)


def paint_other_bones(
    canvas: Canvas,
    spine: Spine,
    torso: Torso,
    tissue: Tissue,
    surfaces: dict[str, Surface],
    rng: np.random.Generator,
) -> None:
    """Paints all bones except vertebrae and sacrum; they keep a gap to ``surfaces``.

    The surface of the sacrum is reduced a little at the sacroiliac joints.
    """
    _paint_ribs(canvas, spine, torso, tissue, surfaces, rng)
    _paint_shoulders(canvas, spine, torso, tissue)
    _paint_hips(canvas, spine, tissue, surfaces)
    _paint_skull(canvas, spine, tissue, surfaces)


def _paint(
    canvas: Canvas,
    bone: str,
    frame: Frame,
    solids: Sequence[Shape],
    tissue: Tissue,
    shell: tuple[float, float],
    blend_mm: float = 2.0,
    others: Sequence[Surface] = (),
) -> None:
    """A bone with a shell of (mm, fraction of the patient's cortex mm more)."""
    found = canvas.distances(frame, solids, blend_mm)
    if found is None:
        return
    keep_off(found, others, JOINT_MM)
    thick = shell[0] + shell[1] * tissue.cortex_mm
    canvas.bone(*found, bone, tissue.cortex_hu, 0.8 * tissue.marrow_hu, thick, tissue.grain_hu)


def _paint_ribs(
    canvas: Canvas,
    spine: Spine,
    torso: Torso,
    tissue: Tissue,
    surfaces: Mapping[str, Surface],
    rng: np.random.Generator,
) -> None:
    s = spine.scale
    for number, path in rib_paths(spine, torso, rng):
        floating = number >= FLOATING
        bony = path if floating else path[:-3]
        near = [surfaces[name] for name in (f"T{number - 1}", f"T{number}") if name in surfaces]
        size = s * (0.85 if floating else 0.95 if number == 1 else 1.0)
        _paint(canvas, "rib", OUTER, rib_solids(bony, 0, 5, size, floating), tissue, (0.4, 0.7), 1.0, near)
        for start in range(5, len(bony) - 1, 4):
            _paint(canvas, "rib", OUTER, rib_solids(bony, start, start + 4, size, floating), tissue, (0.5, 0.8), 0.0)
        if not floating:
            canvas.fill(OUTER, along(path[-4:], 3.9 * s, 1.3), "cartilage", tissue.cartilage_hu, grain=10)
    for solids in sternum_solids(sternum_path(spine, torso)):
        _paint(canvas, "sternum", OUTER, solids, tissue, (0.4, 0.6), 3.0)


def _paint_shoulders(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue) -> None:
    frame = level_frame(spine, "T3")
    notch = frame.into(sternum_path(spine, torso)[0])
    for side in SIDES:
        blade, collar, arm = shoulder_solids(side, notch)
        _paint(canvas, "shoulder", frame, collar, tissue, (0.8, 0.8))
        _paint(canvas, "shoulder", frame, blade, tissue, (0.6, 0.7))
        _paint(canvas, "arm", frame, arm, tissue, (0.8, 1.0))


def _paint_hips(canvas: Canvas, spine: Spine, tissue: Tissue, surfaces: dict[str, Surface]) -> None:
    frame = pelvis_frame(spine)
    for side in SIDES:
        hip = canvas.distances(frame, hip_solids(side), 6.0)
        if hip is not None:
            hollow_out(canvas, hip, frame, socket(side))
            if "S1" in surfaces:
                separate(surfaces["S1"], hip, 2.2)
            thick = 0.6 + 0.9 * tissue.cortex_mm
            canvas.bone(*hip, "pelvis", tissue.cortex_hu, tissue.marrow_hu * 0.8, thick, tissue.grain_hu)
        _paint(canvas, "femur", frame, femur_solids(side), tissue, (0.8, 0.9), 3.0)


def _paint_skull(canvas: Canvas, spine: Spine, tissue: Tissue, surfaces: Mapping[str, Surface]) -> None:
    """Paints the skull with brain, open to the canal, its base on C1, and the mandible."""
    level = skull_frame(spine)
    others = [surfaces[name] for name in ("C1", "C2") if name in surfaces]
    shell = canvas.distances(level, [VAULT])
    if shell is not None:
        keep_off(shell, others, JOINT_MM)
        canvas.bone(*shell, "skull", tissue.cortex_hu * 1.1, tissue.brain_hu, 5.5, 3.0, inside="brain")
    found = canvas.distances(level, base_solids(), 5.0)
    if found is not None:
        keep_off(found, others, JOINT_MM)
        canvas.bone(*found, "skull", tissue.cortex_hu, tissue.marrow_hu, 0.8 + tissue.cortex_mm, tissue.grain_hu)
    x, y, z = FORAMEN
    for radius, name, hu in ((12.0, "fluid", tissue.csf_hu), (6.5, "brain", tissue.cord_hu)):
        canvas.fill(level, [capsule((x, y, z - 8), (x, y - 1, z + 12 - radius), radius)], name, hu)
    for side in SIDES:  # air in mastoids and maxillary sinuses
        for place, radii, inside in (((50, -8, 22), (13, 17, 20), -350.0), ((22, 62, 24), (18, 16, 17), -950.0)):
            hollow = canvas.distances(level, [ellipsoid((side * place[0], *place[1:]), radii)])
            if hollow is not None:
                grain = 150.0 if inside > -900 else 5.0
                canvas.bone(*hollow, "skull", tissue.cortex_hu, inside, 1.5, grain, "airway")
    canvas.fill(level, [ellipsoid((0, 58, 28), (9, 26, 20))], "airway", -900.0)
    face = level_frame(spine, "C2")
    for side in SIDES:
        jaw, teeth = jaw_solids(side)
        _paint(canvas, "jaw", face, jaw, tissue, (1.0, 1.0))
        _paint(canvas, "jaw", face, hyoid_solids(side), tissue, (0.5, 0.5))
        found = canvas.distances(face, teeth)
        if found is not None:
            canvas.bone(*found, "jaw", tissue.cortex_hu * 1.6, tissue.cortex_hu * 1.3, 1.5, 20.0)
