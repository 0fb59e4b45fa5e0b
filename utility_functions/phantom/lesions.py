"""Lesions of vertebrae: lytic and blastic foci, haemangiomas, sclerotic end plates, laminectomies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from utility_functions.geometry.boxes import Box
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.pathology import Lesion
from utility_functions.phantom.shapes import Field, Shape, ellipsoid
from utility_functions.phantom.spine_model import Spine, Vertebra
from utility_functions.phantom.tissue import TISSUES, Tissue

F32 = np.float32
BONY = np.array([name.split()[0] in ("vertebra", "sacrum") for name in TISSUES])


def tissue_of(spine: Spine, vertebra: Vertebra, tissue: Tissue) -> Tissue:
    """The tissues of one vertebra: osteoporotic, sclerotic, ivory, pagetic, or denser after a fracture."""
    sick = spine.pathology
    marrow, cortex, shell, grain = tissue.marrow_hu, tissue.cortex_hu, tissue.cortex_mm, tissue.grain_hu
    if sick.porosity > 0:  # the cortex stays while marrow loses density
        kept = 1 - sick.porosity
        marrow = kept * marrow + sick.porosity * sick.details(1).uniform(-35, 35)
        cortex = (0.75 + 0.25 * kept) * cortex
        shell, grain = shell * (0.8 + 0.2 * kept), grain * (1 + 0.6 * sick.porosity)
    marrow += sick.density_hu
    fracture = sick.fractures.get(vertebra.name)
    if fracture is not None:  # compacted trabeculae
        marrow += sick.details(vertebra.number, 2).uniform(0, 220) * fracture.loss
    for lesion in sick.lesions:
        if lesion.level == vertebra.name and lesion.kind == "ivory":
            marrow = lesion.hu
        elif lesion.level == vertebra.name and lesion.kind == "pagetic":
            cortex, shell, grain = cortex * 1.1, shell * 2.2, grain * 2.5
    if not tissue.unrealistic:
        cortex = max(cortex, marrow + 60)
    return replace(tissue, marrow_hu=marrow, cortex_hu=cortex, cortex_mm=shell, grain_hu=grain)


def operated(spine: Spine, vertebra: Vertebra, field: Field, x: Field, y: Field, z: Field) -> Field:
    """The distance ``field`` of a vertebra after a laminectomy; x, y, z: coordinates in its frame."""
    if vertebra.name not in spine.pathology.open_arches:
        return field
    size, half = vertebra.size, vertebra.height / vertebra.scale / 2
    rng = spine.pathology.details(vertebra.number, 3)
    side, wide = rng.choice([-1.0, 0.0, 0.0, 1.0]), size.canal_width * rng.uniform(0.38, 0.5)
    middle = side * 0.5 * size.canal_width  # a hemilaminectomy leaves the spinous process
    cut = np.maximum(np.abs(x - F32(middle)) - F32(wide), y + F32(size.depth / 2 + 0.4 * size.canal_depth))
    if side != 0:
        cut = np.maximum(cut, np.abs(z + F32(0.3 * half)) - F32(0.9 * half))
    return np.maximum(field, -cut * F32(vertebra.scale))


def paint_lesions(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Paints all lesions inside painted vertebrae."""
    for lesion in spine.pathology.lesions:
        if lesion.kind in ("lytic", "blastic", "haemangioma"):
            _paint_lesion(canvas, spine, spine[lesion.level], lesion, tissue)
    for upper, lower in zip(spine.vertebrae[1:-1], spine.vertebrae[2:], strict=True):
        disc = spine.pathology.disc(upper.name)
        if disc.sclerosis > 0:
            for vertebra, end in ((upper, -1.0), (lower, 1.0)):
                _harden_plate(canvas, spine, vertebra, end, disc.sclerosis)
        for across, ahead, deep, way in disc.nodes:
            vertebra = upper if way > 0 else lower
            half = vertebra.height / vertebra.scale / 2
            place = np.array([across * vertebra.size.width / 2, ahead * vertebra.size.depth / 2, -way * half])
            _paint_node(canvas, vertebra, place, deep, tissue)


def _within(canvas: Canvas, box: Box, vertebra: Vertebra) -> Field:
    """1 where the bone of a vertebra has been painted."""
    return (BONY[canvas.tissues[box]] & (canvas.labels[box] == vertebra.number)).astype(F32)


def _paint_lesion(canvas: Canvas, spine: Spine, vertebra: Vertebra, lesion: Lesion, tissue: Tissue) -> None:
    size, half = vertebra.size, vertebra.height / vertebra.scale / 2
    rng = spine.pathology.details(vertebra.number, 4, int(lesion.radius * 1000))
    radius = min(lesion.radius, 0.55 * size.width)
    middle = np.array(lesion.place) * (size.width / 2, size.depth / 2, half)
    solids: list[Shape] = []
    for _ in range(3):
        offset = rng.normal(0, 0.35, 3) * radius * (1, 1, 0.6)
        solids.append(ellipsoid(middle + offset, radius * rng.uniform(0.55, 1.0, 3)))
    found = canvas.distances(vertebra.frame, solids[:1] if lesion.kind == "haemangioma" else solids, blend_mm=3.0)
    if found is None:
        return
    box, field = found
    bone = _within(canvas, box, vertebra)
    if lesion.kind == "lytic":
        fraction = canvas.cover(field) * np.maximum(bone, (field < -1.5).astype(F32))
        canvas.blend(box, fraction, "lesion", F32(lesion.hu) + F32(8) * canvas.texture[box])
    elif lesion.kind == "blastic":
        soft_edge = np.clip(0.5 - field / F32(3.0), 0, 1) * bone
        canvas.blend(box, soft_edge, "sclerosis", F32(lesion.hu) + F32(0.12 * lesion.hu) * canvas.texture[box])
    else:  # few, thick, upright trabeculae in fat
        x, y, z = canvas.coordinates(vertebra.frame, box)
        pitch = 2 * np.pi / rng.uniform(3.2, 4.5)
        waves = np.cos(F32(pitch) * (x + F32(0.6) * np.sin(y * F32(0.6)))) * np.cos(F32(pitch) * y) + 0 * z
        hu = F32(lesion.hu) + F32(420) * np.clip((waves - F32(0.35)) * F32(1.8), 0, 1)
        inner = bone * (canvas.hu[box] < tissue.cortex_hu * 0.75)
        part = canvas.hu[box]
        part += canvas.cover(field) * inner * (hu - part)
        canvas.vascular(box, canvas.cover(field) * bone)


def _harden_plate(canvas: Canvas, spine: Spine, vertebra: Vertebra, end: float, added_hu: float) -> None:
    """Paints sclerosis of the end plate beside a degenerated disc."""
    size, half = vertebra.size, vertebra.height / vertebra.scale / 2
    rng = spine.pathology.details(vertebra.number, 5, int(end + 1))
    deep = rng.uniform(3.0, 9.0)
    middle = np.array(
        [rng.normal(0, 0.15) * size.width, rng.normal(0.05, 0.15) * size.depth, end * (half - 0.3 * deep)]
    )
    found = canvas.distances(
        vertebra.frame,
        [ellipsoid(middle, (rng.uniform(0.3, 0.5) * size.width, rng.uniform(0.3, 0.5) * size.depth, deep))],
    )
    if found is not None:
        box, field = found
        bone = np.ones(1, F32) if vertebra.name == "S1" else _within(canvas, box, vertebra)
        canvas.harden(box, np.clip(-field / F32(2), 0, 1) * bone, added_hu)


def _paint_node(canvas: Canvas, vertebra: Vertebra, place: np.ndarray, deep: float, tissue: Tissue) -> None:
    """Paints a Schmorl's node: disc that has herniated into the body, with a sclerotic rim."""
    wide = 0.8 * deep + 1.5
    rim = canvas.distances(vertebra.frame, [ellipsoid(place, (wide + 1.5, wide + 1.5, deep + 1.5))])
    if rim is not None:
        box, field = rim
        fraction = canvas.cover(field) * _within(canvas, box, vertebra)
        canvas.blend(box, fraction, "sclerosis", 0.7 * tissue.cortex_hu + 0.3 * tissue.marrow_hu)
    core = canvas.distances(vertebra.frame, [ellipsoid(place, (wide, wide, deep))])
    if core is not None:
        box, field = core
        fraction = canvas.cover(field) * (
            BONY[canvas.tissues[box]] | (canvas.tissues[box] == TISSUES.index("sclerosis"))
        )
        canvas.blend(box, fraction, "disc", tissue.disc_hu)
