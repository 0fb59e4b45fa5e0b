"""Places organs within the walls of the cavity, below or above the diaphragm, away from the spine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utility_functions.geometry.boxes import Box
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import OUTER, Field, Frame, Shape, Vector
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import TISSUE_CODES
from utility_functions.phantom.torso import Torso

F32 = np.float32


def at(spine: Spine, level: str, x: float, y: float, z: float = 0.0) -> Vector:
    """A point at an offset, in mm of a mean patient, from the body centre of a level; in upright axes."""
    return spine[level].frame.origin + np.array([x, y, z]) * spine.scale


def ahead(spine: Spine, level: str, forward: float, x: float = 0.0, up: float = 0.0) -> Vector:
    """A point ``forward`` mm anterior of a vertebral body, in its frame."""
    vertebra = spine[level]
    return vertebra.frame.out((x, vertebra.size.depth / 2 + forward, up))


def under_dome(torso: Torso, x: float, y: float, z: float) -> Vector:
    """A point at an offset, in mm of a mean patient, from the middle of the diaphragm."""
    return np.array(torso.dome) + np.array([x, y, z]) * torso.size


def packed(
    canvas: Canvas,
    torso: Torso,
    solids: Sequence[Shape],
    blend_mm: float = 0.0,
    gap_mm: float = 2.0,
    above: bool = False,
    frame: Frame = OUTER,
) -> tuple[Box, Field] | None:
    """The signed distance to solids clipped by the cavity's wall and the diaphragm; ``above``: organs of the chest."""
    found = canvas.distances(frame, solids, blend_mm)
    if found is None:
        return None
    box, field = found
    if not (field < 0).any():
        return None
    x, y, z = canvas.coordinates(OUTER, box)
    field = np.maximum(field, F32(gap_mm) - torso.room(x, y, z))
    over = z - torso.diaphragm(x, y)
    return box, np.maximum(field, F32(1) - over if above else F32(gap_mm) + over)


def fill(canvas: Canvas, solids: Sequence[Shape], name: str, hu: float, grain: float = 4.0) -> None:
    """Paints solids of one tissue, each in its own box."""
    for solid in solids:
        canvas.fill(OUTER, [solid], name, hu, grain=grain)


def fill_within(canvas: Canvas, solids: Sequence[Shape], inside: str, name: str, hu: float) -> None:
    """Paints solids of one tissue, only where there is the tissue ``inside`` or the solids' own."""
    for solid in solids:
        found = canvas.distances(OUTER, [solid])
        if found is not None:
            box, field = found
            codes = canvas.tissues[box]
            allowed = (codes == TISSUE_CODES[inside]) | (codes == TISSUE_CODES[name])
            canvas.blend(box, canvas.cover(field) * allowed, name, hu)


def paint(canvas: Canvas, found: tuple[Box, Field] | None, name: str, hu: float, grain: float = 5.0) -> None:
    """Paints the result of ``packed`` with one tissue."""
    if found is not None:
        box, field = found
        canvas.blend(box, canvas.cover(field), name, hu + F32(grain) * canvas.texture[box])


def paint_content(
    canvas: Canvas, found: tuple[Box, Field] | None, wall_mm: float, level: float, content: tuple[str, float, float]
) -> None:
    """Fills a hollow organ within its wall: ``content`` (tissue, HU, grain) up to ``level`` (y in mm), gas above."""
    if found is None:
        return
    box, field = found
    name, hu, grain = content
    inner = canvas.cover(field + F32(wall_mm))
    canvas.blend(box, inner, name, hu + F32(grain) * canvas.texture[box])
    y = canvas.coordinates(OUTER, box)[1]
    if float(y.max()) > level:
        canvas.blend(box, canvas.cover(np.maximum(field + F32(wall_mm), F32(level) - y)), "gas", -960.0)
