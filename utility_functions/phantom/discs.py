"""The discs of one patient: annulus and nucleus, degeneration, gas, calcification and fusion."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.pathology import Disc
from utility_functions.phantom.shapes import Frame, ellipsoid, endplate_body
from utility_functions.phantom.spine_model import Spine, Vertebra
from utility_functions.phantom.tissue import Tissue

F32 = np.float32


def disc_frame(upper: Vertebra, lower: Vertebra) -> tuple[Frame, float]:
    """The frame half way between two bodies, and the gap between their end plates in mm."""
    a, b = upper.frame, lower.frame
    left, _, right = np.linalg.svd(a.axes + b.axes)
    top = a.origin - a.axes[:, 2] * upper.height / 2
    bottom = b.origin + b.axes[:, 2] * lower.height / 2
    gap = float((top - bottom) @ (left @ right)[:, 2])
    return Frame(left @ right, (top + bottom) / 2, (a.scale + b.scale) / 2), max(gap, 0.5)


def wetness(spine: Spine, upper: Vertebra, disc: Disc) -> float:
    """The water content of the nucleus below ``upper``, 0 (dark in T2) to 1; it falls with age and degeneration.

    The lowest two discs lose water first, as gradings of discs in MR show (Pfirrmann et al. 2001).
    """
    own = float(spine.pathology.details(upper.number, 8).normal(0, 0.14))
    low = 0.12 if upper.name in ("L4", "L5", "L6") else 0.0
    return float(np.clip(1.1 - 0.55 * spine.pathology.age - 2.0 * disc.loss - low + own, 0, 1))


def paint_discs(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Paints a disc between neighbouring bodies; the bodies are painted over its ends."""
    for upper, lower in zip(spine.vertebrae[1:-1], spine.vertebrae[2:], strict=True):
        _paint_disc(canvas, spine, upper, lower, spine.pathology.disc(upper.name), tissue)


def _bulge(
    canvas: Canvas,
    frame: Frame,
    size: tuple[float, float, float],
    disc: Disc,
    rng: np.random.Generator,
    hu: float,
) -> None:
    """Paints what a worn disc, or now and then a sound one, pushes into the canal, in the middle or to one side."""
    width, depth, gap = size
    mild, side, reach = rng.random(), rng.uniform(-0.2, 0.2) * width, rng.uniform(1.0, 6.0)
    if disc.loss <= 0.1 and mild > 0.12:
        return
    out = min(reach, 2.5) if disc.loss <= 0.1 else reach
    middle = (side, -depth / 2 + 1.5, rng.uniform(-0.15, 0.15) * gap)
    pushed = ellipsoid(middle, (rng.uniform(0.14, 0.34) * width, out + 1.5, max(0.6 * gap, 2.0)))
    found = canvas.distances(frame, [pushed])
    if found is not None:
        box, field = found
        canvas.blend(box, canvas.cover(field), "disc", hu)


def _paint_disc(canvas: Canvas, spine: Spine, upper: Vertebra, lower: Vertebra, disc: Disc, tissue: Tissue) -> None:
    rng = spine.pathology.details(upper.number, 0)
    frame, gap = disc_frame(upper, lower)
    width = (upper.size.width + lower.size.width) / 2 * 0.98
    depth = (upper.size.depth + lower.size.depth) / 2 * 0.98
    concavity = 2 * (upper.hollow + lower.hollow)
    height = (gap + 5 + concavity) / frame.scale
    solid = endplate_body(width, depth, height, waist=-0.03 - 0.05 * disc.loss, hollow=-1.0)
    found = canvas.distances(frame, [solid])
    if found is None:
        return
    box, field = found
    if disc.fused:
        canvas.bone(box, field, "vertebra", tissue.cortex_hu, tissue.marrow_hu, tissue.cortex_mm, tissue.grain_hu)
        z = canvas.coordinates(frame, box)[2]
        canvas.label(box, np.maximum(field, -z), upper.number)
        canvas.label(box, np.maximum(field, z), lower.number)
        return
    annulus = tissue.disc_hu + rng.normal(0, 8) + 12
    canvas.blend(box, canvas.cover(field), "disc", annulus + F32(6) * canvas.texture[box])
    _bulge(canvas, frame, (width, depth, gap / frame.scale), disc, spine.pathology.details(upper.number, 11), annulus)
    core = ellipsoid((0, -0.06 * depth, 0), (width * 0.31, depth * 0.29, height * 0.6))
    found = canvas.distances(frame, [core])
    if found is not None:
        box, field = found
        inside = canvas.cover(field, 4.0 + canvas.softness)
        hu = annulus - 12 + disc.nucleus_hu + F32(5) * canvas.texture[box]
        x, y, z = canvas.coordinates(frame, box)
        off = (x / F32(0.36 * width)) ** 2 + ((y + F32(0.06 * depth)) / F32(0.34 * depth)) ** 2
        cleft = 1 - F32(0.45 * min(2 * spine.pathology.age, 1)) * np.exp(-((z / F32(0.9)) ** 2))
        lens = np.clip(F32(1.3) - (z / F32(0.5 * gap / frame.scale)) ** 2, 0, 1)
        wet = F32(wetness(spine, upper, disc)) * np.clip(F32(1.35) - F32(1.35) * off, 0, 1) * cleft * lens
        canvas.blend(box, inside, "nucleus", hu, wet)
    flat = gap / frame.scale
    for fraction, tissue_name, lowest, highest in (
        (disc.calcified, "disc chalk", 220.0, 700.0),
        (disc.gas, "disc gas", -950.0, -500.0),
    ):
        for _ in range(int(rng.integers(1, 4)) if fraction > 0 else 0):
            reach = fraction * rng.uniform(0.4, 1.0, 2) * (width / 2, depth / 2)
            thick = rng.uniform(0.10, 0.28) * flat if tissue_name == "disc gas" else rng.uniform(0.25, 0.5) * flat
            middle = rng.uniform(-0.25, 0.25, 3) * (width, depth, 0.6 * flat)
            deposit = ellipsoid(middle, (*reach, max(thick, 0.5)))
            canvas.fill(frame, [deposit], tissue_name, float(rng.uniform(lowest, highest)))
