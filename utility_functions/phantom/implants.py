"""Implants: pedicle screws and rods, plates, cages, cement, and the streaks that they cause."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.discs import disc_frame
from utility_functions.phantom.pathology import Implant
from utility_functions.phantom.shapes import OUTER, Field, Frame, Shape, Vector, block, capsule, ellipsoid
from utility_functions.phantom.spine_model import Spine, Vertebra
from utility_functions.phantom.tissue import TISSUE_CODES

SIDES = (-1.0, 1.0)
F32 = np.float32
DIRECTIONS, REACH_MM, BIN_MM, SLAB_MM = 56, 105.0, 1.0, 2.5
"""The number of projection directions, the reach of streaks, the sampling of projections, the thickness of slabs."""
FINER = 3
STRENGTH, NOISE = 280.0, 2.5
"""HU mm lost to beam hardening per square mm of metal, and the relative noise of rays through metal."""


def paint_implants(canvas: Canvas, spine: Spine) -> None:
    """Paints all metal and cement of a patient, without streaks."""
    for implant in spine.pathology.implants:
        rng = np.random.default_rng(implant.seed)
        {"screws": _screws, "plate": _plate, "cage": _cage, "cement": _cement}[implant.kind](
            canvas, spine, implant, rng
        )


def _metal(canvas: Canvas, frame: Frame, solids: list[Shape], hu: float, name: str = "metal") -> None:
    for solid in solids:
        canvas.fill(frame, [solid], name, hu)


def _screws(canvas: Canvas, spine: Spine, implant: Implant, rng: np.random.Generator) -> None:
    """Paints a screw through both pedicles of each level, with rods between the heads; some screws are missing."""
    left_out = rng.random((len(implant.levels), 2)) < 0.06
    converge, rod = rng.uniform(0.45, 0.7), rng.uniform(2.4, 3.2)
    for number, side in enumerate(SIDES):
        heads: list[Vector] = []
        for level, name in enumerate(implant.levels):
            vertebra = spine[name]
            entry, tip, radius = _pedicle(vertebra, side, converge)
            entry = entry + rng.normal(0, 1.0, 3) * (1, 0, 1)
            head = vertebra.frame.out(entry + np.array([0.0, -8.0, 0.0]) / vertebra.scale)
            heads.append(head)
            if left_out[level, number] and len(implant.levels) > 2:
                continue
            _metal(canvas, vertebra.frame, [capsule(entry, tip, radius, 0.8 * radius)], implant.hu)
            _metal(canvas, OUTER, [capsule(vertebra.frame.out(entry), head, 5.0, 6.0)], implant.hu)
        extension = 6.0 * (heads[0] - heads[1]) / np.linalg.norm(heads[0] - heads[1])
        bent = [heads[0] + extension, *heads, heads[-1] - extension]
        _metal(canvas, OUTER, [capsule(a, b, rod) for a, b in pairwise(bent)], implant.hu)


def _pedicle(vertebra: Vertebra, side: float, converge: float) -> tuple[Vector, Vector, float]:
    """The entry and the tip of a screw in the frame of a vertebra, and its radius."""
    size, half = vertebra.size, vertebra.height / vertebra.scale / 2
    if vertebra.name == "S1":
        return np.array([side * 24.0, -32.0, 9.0]), np.array([side * 12.0, 6.0, 3.0]), 3.2
    root = size.canal_width / 2 + size.pedicle_width / 2
    entry = np.array([side * (root + 3.0), -size.depth / 2 - 0.8 * size.canal_depth, 0.4 * half])
    tip = np.array([side * root * converge, 0.22 * size.depth, 0.25 * half])
    return entry, tip, min(3.2, 0.38 * size.pedicle_width + 0.4)


def _plate(canvas: Canvas, spine: Spine, implant: Implant, rng: np.random.Generator) -> None:
    """Paints an anterior cervical plate with two screws into each body."""
    fronts = []
    for name in implant.levels:
        vertebra = spine[name]
        size = vertebra.size
        fronts.append(vertebra.frame.out((0, size.depth / 2 + 1.6, 0)))
        for side in SIDES:
            ends = (side * 5.5, size.depth / 2 + 1.5, 0.0), (side * 4.0, -0.22 * size.depth, rng.normal(0, 1))
            _metal(canvas, vertebra.frame, [capsule(*ends, 1.8, 1.5)], implant.hu)
    for upper, lower in pairwise(fronts):
        along = lower - upper
        up = spine[implant.levels[0]].frame.axes[:, 1]
        half = (8.0, float(np.linalg.norm(along)) / 2 + 4.0, 1.1)
        _metal(canvas, OUTER, [block((upper + lower) / 2, half, normal=up, along=along)], implant.hu)


def _cage(canvas: Canvas, spine: Spine, implant: Implant, rng: np.random.Generator) -> None:
    """Paints two cages in each disc: of metal, or of plastic with graft and metal markers."""
    names = spine.names
    for name in implant.levels:
        at = names.index(name)
        if at + 1 >= len(names):
            continue
        upper, lower = spine.vertebrae[at : at + 2]
        frame, gap = disc_frame(upper, lower)
        tall, size = max(gap, 4.0) / 2 / frame.scale, upper.size
        wide, deep = 0.13 * size.width, 0.28 * size.depth
        for side in SIDES:
            middle = np.array([side * 0.22 * size.width, rng.normal(0, 1), 0.0])
            spacer = block(middle, (wide, tall, deep), normal=(0, 1, 0), along=(0, 0, 1))
            name_of = "metal" if implant.hu > 1000 else "sclerosis"
            canvas.fill(frame, [spacer], name_of, implant.hu)
            if implant.hu <= 1000:
                pins = [middle + np.array([0, y * deep, 0]) for y in (-0.85, 0.85)]
                rise = np.array([0, 0, 0.8 * tall])
                _metal(canvas, frame, [capsule(pin - rise, pin + rise, 0.9) for pin in pins], 5000.0)


def _cement(canvas: Canvas, spine: Spine, implant: Implant, rng: np.random.Generator) -> None:
    """Paints bone cement in a body, sometimes with leakage."""
    for name in implant.levels:
        vertebra = spine[name]
        size, half = vertebra.size, vertebra.height / vertebra.scale / 2
        reach = np.array([0.24 * size.width, 0.22 * size.depth, 0.4 * half])
        lumps: list[Shape] = []
        for _ in range(int(rng.integers(4, 9))):
            middle = rng.uniform(-1.2, 1.2, 3) * reach * (1, 1, 0.9)
            lumps.append(ellipsoid(middle, rng.uniform(0.45, 1.0, 3) * reach))
        if rng.random() < 0.3:
            outside = np.array([rng.uniform(-0.6, 0.6) * size.width, 0.55 * size.depth, rng.uniform(-1.3, 1.3) * half])
            lumps.append(ellipsoid(outside, rng.uniform(1.5, 4, 3)))
        canvas.fill(vertebra.frame, lumps, "cement", implant.hu, blend_mm=2.0, grain=0.06 * implant.hu)


def add_streaks(canvas: Canvas, spine: Spine) -> None:
    """Adds the streaks of metal in the axial plane, by projection and filtered back-projection of beam hardening.

    In each slice, metal is projected in all directions. The error of a ray falls with the square of the metal in it, so
    that the line through two screws is darkest. Errors are filtered and projected back over the slice.
    """
    if not spine.pathology.implants:
        return
    held = np.isin(canvas.tissues, [TISSUE_CODES["metal"], TISSUE_CODES["cement"]])
    x, y, z = (canvas.axis(axis) for axis in range(3))
    angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    strength = STRENGTH * spine.pathology.details(7).uniform(0.35, 1.5)  # scanners differ in their correction
    thick = max(1, round(SLAB_MM / float(canvas.spacing[2])))
    area = float(canvas.spacing[0] * canvas.spacing[1]) / thick
    for start in range(0, canvas.shape[2], thick):
        part = slice(start, start + thick)
        i, j, k = np.nonzero(held[:, :, part])
        if not len(i):
            continue
        cement = canvas.tissues[:, :, part][i, j, k] == TISSUE_CODES["cement"]
        middle = np.array([x[i].mean(), y[j].mean()])
        rng = spine.pathology.details(6, int(np.floor(z[start] / SLAB_MM)) + 100000)
        turned = angles + rng.uniform(-0.4, 0.4, DIRECTIONS) * np.pi / DIRECTIONS
        amount = np.where(cement, 0.15, 1.0) * area / BIN_MM
        shadows = _shadows(x[i] - middle[0], y[j] - middle[1], amount, turned)
        noise = gaussian_filter1d(rng.normal(0, 1, shadows.shape), 1.0, axis=1)
        misread = strength * (NOISE * noise * np.minimum(shadows, 25.0) - shadows**2 / (1 + shadows / 12))
        frequency = np.abs(np.fft.rfftfreq(shadows.shape[1], BIN_MM))
        filtered = np.fft.irfft(np.fft.rfft(misread, axis=1) * frequency, shadows.shape[1], axis=1)
        _smear(canvas, filtered.astype(F32), turned, middle, part)


def _shadows(
    x: NDArray[np.floating], y: NDArray[np.floating], amount: NDArray[np.float64], angles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The metal in mm along the rays (directions, bins)."""
    bins = int(2 * REACH_MM * 1.5 / BIN_MM)
    place = np.cos(angles)[:, None] * x + np.sin(angles)[:, None] * y
    columns = np.clip(np.rint(place / BIN_MM).astype(int) + bins // 2, 0, bins - 1)
    flat = columns + np.arange(len(angles))[:, None] * bins
    counted = np.bincount(flat.ravel(), np.tile(amount, len(angles)), len(angles) * bins)
    return np.asarray(gaussian_filter1d(counted.reshape(len(angles), bins), 1.2, axis=1))


def _smear(
    canvas: Canvas, profiles: Field, angles: NDArray[np.float64], middle: NDArray[np.float64], part: slice
) -> None:
    """Projects profiles (directions, bins) back on a coarse grid and adds them to a slab of slices."""
    boxes = []
    for axis in (0, 1):
        along = canvas.axis(axis)
        near = np.flatnonzero(np.abs(along - middle[axis]) < REACH_MM)
        boxes.append(slice(int(near[0]), int(near[-1]) + 1))
    fine = [canvas.axis(axis)[boxes[axis]] - F32(middle[axis]) for axis in (0, 1)]
    steps = [max(1.8, float(canvas.spacing[axis])) for axis in (0, 1)]
    coarse = [
        F32(a[0]) + F32(d) * np.arange(int(np.ptp(a) / d) + 2, dtype=F32) for a, d in zip(fine, steps, strict=True)
    ]
    total: Field = np.zeros((len(coarse[0]), len(coarse[1])), F32)
    bins, finer = np.arange(profiles.shape[1]), np.arange(FINER * profiles.shape[1]) / FINER
    for profile, angle in zip(profiles, angles, strict=True):
        cosine, sine = (F32(FINER * fraction / BIN_MM) for fraction in (np.cos(angle), np.sin(angle)))
        place = (cosine * coarse[0] + F32(FINER * (len(profile) // 2) + 0.5))[:, None] + sine * coarse[1]
        # corners of the coarse grid lie outside the last bin, where nothing is projected
        total += np.interp(finer, bins, profile).astype(F32).take(place.astype(np.int32), mode="clip")
    far = np.hypot(coarse[0][:, None], coarse[1][None, :])
    total *= F32(np.pi / len(angles)) * np.clip((REACH_MM - far) / 30, 0, 1).astype(F32)
    rows, columns = (_weights(a, b) for a, b in zip(fine, coarse, strict=True))
    box = (boxes[0], boxes[1], part)
    canvas.hu[box] += (rows @ total @ columns.T)[:, :, None] * (canvas.tissues[box] != TISSUE_CODES["metal"])


def _weights(fine: Field, coarse: Field) -> Field:
    """The matrix (fine, coarse) of linear interpolation from evenly spaced positions to others."""
    place = (fine[:, None] - coarse[None, :]) / (coarse[1] - coarse[0] if len(coarse) > 1 else F32(1))
    return np.maximum(1 - np.abs(place), 0).astype(F32)
