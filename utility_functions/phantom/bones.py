"""Paints vertebrae and sacrum, with joint gaps between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from utility_functions.geometry.boxes import Box, common, seen_from, size_of
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lesions import operated, tissue_of
from utility_functions.phantom.sacrum import sacrum_hollows, sacrum_solids
from utility_functions.phantom.shapes import Field, Frame, Shape
from utility_functions.phantom.spine_model import Spine, Vertebra
from utility_functions.phantom.tissue import Tissue
from utility_functions.phantom.vertebra import vertebra_foramina, vertebra_solids

Surface = tuple[Box, Field]
"""A box of the canvas and the signed distance to a bone's surface in it."""
JOINT_MM = 1.5
"""The width of a joint gap: two layers of cartilage."""


def vertebra_surfaces(canvas: Canvas, spine: Spine) -> dict[str, Surface]:
    """The surfaces of the vertebrae and of the sacrum in the field of view, by name, separated by joint gaps."""
    surfaces: dict[str, Surface] = {}
    for vertebra, below in zip(spine.vertebrae, [*spine.vertebrae[1:], None], strict=True):
        if below is None:
            solids, hollows, blend_mm = (
                sacrum_solids(vertebra, spine.sacrum),
                sacrum_hollows(vertebra, spine.sacrum),
                3.0,
            )
        else:
            solids, canal = vertebra_solids(vertebra, below)
            hollows, blend_mm = [canal, *vertebra_foramina(vertebra)], 2.0
        found = canvas.distances(vertebra.frame, solids, blend_mm)
        if found is not None:
            for hollow in hollows:
                hollow_out(canvas, found, vertebra.frame, hollow)
            if vertebra.name in spine.pathology.open_arches:
                box, field = found
                found = box, operated(spine, vertebra, field, *canvas.coordinates(vertebra.frame, box))
            surfaces[vertebra.name] = found
    for upper, lower in pairwise(spine.names):
        if upper in surfaces and lower in surfaces:
            separate(surfaces[upper], surfaces[lower], 0.0 if spine.pathology.disc(upper).fused else JOINT_MM)
    return surfaces


def hollow_out(canvas: Canvas, surface: Surface, frame: Frame, hollow: Shape) -> None:
    """Subtracts a solid from a bone."""
    box, field = surface
    own = canvas.box(frame, hollow.low - 1, hollow.high + 1)
    shared = None if own is None else _shared(box, own)
    if shared is not None:
        inside = field[seen_from(shared, box)]
        np.maximum(inside, -hollow.distance(*canvas.coordinates(frame, shared)) * np.float32(frame.scale), out=inside)


def separate(one: Surface, other: Surface, gap_mm: float) -> None:
    """Separates two bones halfway between their surfaces, by a gap of at least ``gap_mm``."""
    shared = _shared(one[0], other[0])
    if shared is None:
        return
    a, b = one[1][seen_from(shared, one[0])], other[1][seen_from(shared, other[0])]
    nearer = (a - b) / 2
    np.maximum(a, nearer + np.float32(gap_mm / 2), out=a)
    np.maximum(b, np.float32(gap_mm / 2) - nearer, out=b)


def keep_off(surface: Surface, others: Sequence[Surface], gap_mm: float) -> None:
    """Removes from a bone what is nearer than ``gap_mm`` to other bones, which stay unchanged."""
    for other in others:
        shared = _shared(surface[0], other[0])
        if shared is not None:
            mine = surface[1][seen_from(shared, surface[0])]
            np.maximum(mine, np.float32(gap_mm) - other[1][seen_from(shared, other[0])], out=mine)


def _shared(one: Box, other: Box) -> Box | None:
    """The intersection of two boxes; None where it is empty."""
    box = common(one, other)
    return box if min(size_of(box)) else None


def paint_joints(canvas: Canvas, spine: Spine, tissue: Tissue, surfaces: Mapping[str, Surface]) -> None:
    """Paints cartilage and fluid into the gaps between neighbouring vertebrae; the vertebrae are painted later."""
    for upper, lower in pairwise(spine.names):
        if upper not in surfaces or lower not in surfaces or spine.pathology.disc(upper).fused:
            continue
        one, other = surfaces[upper], surfaces[lower]
        shared = _shared(one[0], other[0])
        if shared is None:
            continue
        further = np.maximum(one[1][seen_from(shared, one[0])], other[1][seen_from(shared, other[0])])
        fraction = canvas.cover(further - np.float32(JOINT_MM + 0.4))
        if fraction.any():
            canvas.blend(shared, fraction, "cartilage", 0.5 * (tissue.csf_hu + tissue.cartilage_hu))


def paint_vertebrae(
    canvas: Canvas, spine: Spine, tissue: Tissue, surfaces: Mapping[str, Surface], rng: np.random.Generator
) -> None:
    """Paints and labels the vertebrae: thin walls, dense end plates, thick arches, vertical trabeculae."""
    trabeculae = rng.standard_normal((64, 64)).astype(np.float32)
    traits = rng.uniform((0.35, 0.8, 0.0, 0.0, 0.5), (0.75, 1.4, 0.5, 0.35, 1.5))
    posterior = _posterior_marrow(tissue, rng.spawn(1)[0])
    for vertebra in spine.vertebrae[:-1]:
        if vertebra.name in surfaces:
            own = tissue_of(spine, vertebra, tissue)
            _paint_vertebra(canvas, vertebra, own, surfaces[vertebra.name], trabeculae, traits, posterior)


def _posterior_marrow(tissue: Tissue, rng: np.random.Generator) -> float | None:
    """HU of the marrow of arches and processes where it is fatty or sclerotic; None: as dense as elsewhere, or more."""
    kind = rng.random()
    if kind < 0.35:
        return float(rng.uniform(-80, 80))
    return tissue.cortex_hu * float(rng.uniform(0.6, 1.0)) if kind < 0.45 else None


def _paint_vertebra(
    canvas: Canvas,
    vertebra: Vertebra,
    tissue: Tissue,
    surface: Surface,
    trabeculae: Field,
    traits: NDArray[np.float64],
    posterior_hu: float | None,
) -> None:
    wall, plate, arch, centre, veins = (np.float32(v) for v in traits)
    box, field = surface
    x, y, z = canvas.coordinates(vertebra.frame, box)
    size, half = vertebra.size, np.float32(vertebra.height / vertebra.scale / 2)
    depth = np.float32(size.depth / 2)
    high = np.minimum(np.abs(z) / half, np.float32(1.3))
    behind = np.clip((-y - depth) / 5 + np.float32(0.3), 0, 1)
    if vertebra.name == "C1":
        behind = np.ones_like(field)
    body = 1 - behind
    ends = np.clip((high - np.float32(0.72)) * 5, 0, 1) * body
    porous = 1.0 if tissue.unrealistic else float(np.clip(0.5 + tissue.marrow_hu / 250, 0.5, 1.1))
    thick = np.float32(tissue.cortex_mm * porous)
    cortex_mm = thick * (wall * body + (plate - wall) * ends) + (np.float32(0.6) + thick * np.float32(0.9)) * behind
    # Marrow is denser towards the end plates and in the arch, least dense in the middle of the body.
    dense, lighter = np.float32(tissue.marrow_hu), np.float32(tissue.cortex_hu - tissue.marrow_hu)
    marrow = dense + lighter * (arch * np.float32(0.55) * behind + np.float32(0.10) * ends)
    if posterior_hu is not None:
        marrow += (np.float32(posterior_hu) - marrow) * behind
    marrow -= np.abs(dense) * centre * body * np.clip(1 - high - x * x / np.float32(size.width**2 / 5), 0, 1)
    grain = np.float32(tissue.grain_hu * 1.4 / max(canvas.softness, 1.0))
    marrow += grain * _strut(trabeculae, x, y, z)
    # Basivertebral veins leave through the posterior wall; they are visible in about half of the levels.
    if vertebra.name[0] in "TL" and trabeculae[vertebra.number, 0] > 0:
        cleft = np.float32(0.9) + np.float32(0.5) * veins
        fraction = np.clip(1.5 - np.abs(z) / cleft, 0, 1) * np.clip(
            1.5 - np.abs(x) / np.float32(0.12 * size.width), 0, 1
        )
        fraction *= np.clip((-y / depth - np.float32(0.35)) * 3, 0, 1) * (y > -depth * np.float32(1.15))
        marrow -= fraction * (np.float32(40) + np.float32(40) * veins)
        cortex_mm = cortex_mm * (1 - fraction * np.float32(0.8))
    bright = np.float32(tissue.cortex_hu) * (1 + np.float32(0.12) * behind - np.float32(0.15) * (body - ends))
    canvas.bone(box, field, "vertebra", _single(bright), _single(marrow), _single(cortex_mm), 0.6 * tissue.grain_hu)
    canvas.label(box, field, vertebra.number)


def _single(values: NDArray[np.floating]) -> Field:
    return np.asarray(values, np.float32)


def _strut(table: Field, x: Field, y: Field, z: Field) -> Field:
    """Vertical trabeculae: a 64 x 64 ``table`` of cells 0.8 mm wide and 6 mm tall, in staggered rows."""
    across, along = (np.floor(mm * np.float32(1.25)).astype(np.int32) for mm in (x, y))
    tall = np.floor(z / 6 + (across * 5 + along * 3 & 7) * np.float32(0.125)).astype(np.int32)
    return np.asarray(table[(across + 11 * tall) & 63, (along + 17 * tall) & 63])


def paint_sacrum(canvas: Canvas, spine: Spine, tissue: Tissue, surfaces: Mapping[str, Surface]) -> None:
    """Paints and labels the sacrum."""
    if "S1" in surfaces:
        shell = 0.3 + 0.9 * tissue.cortex_mm
        marrow_hu = tissue.marrow_hu * spine.sacrum.marrow
        canvas.bone(*surfaces["S1"], "sacrum", tissue.cortex_hu * 0.85, marrow_hu, shell, tissue.grain_hu)
        canvas.label(*surfaces["S1"], spine["S1"].number)
