"""Artefacts of MR: thick slices with gaps, wrap, ghosts of moving tissue, stitched stations, empty margins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utility_functions.phantom.shapes import Field

F32 = np.float32
STATION_MM = 330.0
"""A scan taller than this may be stitched from stations, as whole spines are."""


@dataclass(frozen=True)
class MrArtefacts:
    """What a scan suffers from; phase: the axis of phase encoding, 1 front-back or 2 up-down.

    wrap_mm, wrapped: width and strength of the band at the edge across which the opposite edge appears.
    ghost_mm, ghosts: distance and strength of ghosts along ``phase``.
    gains, steps_mm: brightness of each station of a tall scan, and its displacement to the front.
    empty_mm: width of the margin in front without data, as where a rectangular field is padded; 0: none.
    """

    phase: int
    wrap_mm: float
    wrapped: float
    ghost_mm: float
    ghosts: float
    gains: tuple[float, ...]
    steps_mm: tuple[float, ...]
    empty_mm: float


def draw_mr_artefacts(rng: np.random.Generator) -> MrArtefacts:
    """Random artefacts; most scans have none or faint ones."""
    wrap, ghost, stitched, empty = rng.random(4)
    return MrArtefacts(
        phase=int(rng.choice([1, 2], p=[0.4, 0.6])),
        wrap_mm=float(rng.uniform(6, 35)),
        wrapped=float(rng.uniform(0.15, 0.9)) if wrap < 0.15 else 0.0,
        ghost_mm=float(rng.uniform(12, 90)),
        ghosts=float(rng.uniform(0.01, 0.12)) if ghost < 0.3 else 0.0,
        gains=tuple(float(gain) for gain in np.exp(rng.normal(0, 0.15 * (stitched < 0.7), 3))),
        steps_mm=tuple(float(step) for step in rng.normal(0, 0.7 * (stitched < 0.7), 3)),
        empty_mm=float(rng.uniform(10, 70)) if empty < 0.15 else 0.0,
    )


def distort(image: Field, spacing: NDArray[np.float64], artefacts: MrArtefacts, bright: float) -> Field:
    """The image (x, y, z) with wrap, ghosts and stations; ``bright``: the signal above which tissue leaves ghosts."""
    image = _stitched(image, spacing, artefacts)
    axis = artefacts.phase
    if artefacts.wrapped > 0:
        count = min(max(1, round(artefacts.wrap_mm / spacing[axis])), image.shape[axis] // 4)
        fade = artefacts.wrapped * np.linspace(1, 0, count, dtype=F32)
        turned = np.moveaxis(image, axis, -1)
        turned[..., :count] += fade * turned[..., -count:]
    if artefacts.ghosts > 0:
        moving = np.maximum(image - F32(bright), 0)
        shift = max(2, round(artefacts.ghost_mm / spacing[axis]))
        for order, strength in ((1, 1.0), (-1, 1.0), (2, 0.4)):
            image = image + F32(artefacts.ghosts * strength) * np.roll(moving, order * shift, axis)
    return image


def _stitched(image: Field, spacing: NDArray[np.float64], artefacts: MrArtefacts) -> Field:
    tall = image.shape[2] * spacing[2]
    if tall <= STATION_MM:
        return image
    count = min(len(artefacts.gains), int(np.ceil(tall / STATION_MM)))
    edges = np.linspace(0, image.shape[2], count + 1).astype(int)
    for low, high, gain, step in zip(edges, edges[1:], artefacts.gains, artefacts.steps_mm, strict=False):
        image[:, :, low:high] = F32(gain) * np.roll(image[:, :, low:high], round(step / spacing[1]), 1)
    return image


def through_thick_slices(image: Field, spacing_mm: float, axis: int, apart_mm: float, thick_mm: float) -> Field:
    """The image as seen in slices of ``thick_mm``, ``apart_mm`` from each other, interpolated linearly between them.

    spacing_mm: of the image along ``axis``. Nothing changes where slices lie closer than its voxels.
    """
    count = image.shape[axis]
    if apart_mm <= 1.25 * spacing_mm or count * spacing_mm < 3 * apart_mm:
        return image
    slices = max(2, round(count * spacing_mm / apart_mm))
    middles = (np.arange(slices) + 0.5) * count / slices - 0.5
    places = np.arange(count)
    half = max(thick_mm / spacing_mm / 2, 0.5)
    averaged = np.clip(half + 0.5 - np.abs(places - middles[:, None]), 0, 1)
    averaged /= averaged.sum(axis=1, keepdims=True)
    step = count / slices
    between = np.clip(1 - np.abs(np.clip(places, middles[0], middles[-1])[:, None] - middles) / step, 0, 1)
    weights = (between @ averaged).astype(F32)
    turned = np.tensordot(weights, np.moveaxis(image, axis, 0), axes=1)
    return np.ascontiguousarray(np.moveaxis(turned, 0, axis))
