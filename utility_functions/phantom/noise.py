"""The noise of CT: its spectrum in the axial plane, its standard deviation over the body, photon starvation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.torso import Torso

PLANES = 8
FINE_VOXEL_MM = 1.4
"""Voxels longer than this average noise."""


@dataclass(frozen=True)
class Noise:
    """The noise of a scan: standard deviation in HU of fine voxels in a mean patient, and the axial spectrum.

    fine_mm, coarse_mm: widths of the two Gaussians whose difference shapes the noise.
    anisotropy: ratio of its grain from side to side (the direction of largest attenuation) to that from front to back.
    suppressed: fraction of the lowest frequencies that the kernel suppresses; sharp kernels most.
    slices: slices over which it is averaged. streaks: deviation in HU of starvation streaks across the shoulders.
    """

    hu: float
    fine_mm: float
    coarse_mm: float
    suppressed: float
    slices: float
    streaks: float
    anisotropy: float = 1.0

    def planes(self, canvas: Canvas, torso: Torso, rng: np.random.Generator) -> Iterator[Field]:
        """Noise in HU of every sagittal plane (y, z) of a canvas, from left to right."""
        pixel = canvas.spacing[0] / self.anisotropy
        across = _weights(self.fine_mm / pixel), _weights(self.coarse_mm / pixel)
        along = _weights(self.fine_mm / canvas.spacing[1]), _weights(self.coarse_mm / canvas.spacing[1])
        up = _weights(0.29 * self.slices if self.slices > 1 else 0.0)
        shape = [_padded(np.outer(a, b), (across[1].size, along[1].size)) for a, b in zip(across, along, strict=True)]
        power = np.sqrt(((shape[0] - self.suppressed * shape[1]) ** 2).sum() * (up**2).sum())
        strength, sides = self.strength(canvas, torso) / np.float32(power), self.sides(canvas, torso)
        streaks = _Streaks(canvas, torso, self.streaks, rng) if self.streaks > 0 else None
        reach = across[1].size // 2
        rows, columns = canvas.shape[1] + along[1].size - 1, canvas.shape[2] + up.size - 1
        kept: Field = rng.standard_normal((2 * reach, rows, columns), dtype=np.float32)
        edge = (across[1].size - across[0].size) // 2, (along[1].size - along[0].size) // 2
        for start in range(0, canvas.shape[0], PLANES):
            count = min(PLANES, canvas.shape[0] - start)
            kept = np.concatenate([kept, rng.standard_normal((count, rows, columns), dtype=np.float32)])
            for i in range(count):
                white = kept[i : i + 2 * reach + 1]
                fine = filtered(white[edge[0] : white.shape[0] - edge[0]], across[0], 0)[0]
                fine = filtered(fine[edge[1] : rows - edge[1]], along[0], 0)
                plane = filtered(filtered(white, across[1], 0)[0], along[1], 0) * np.float32(-self.suppressed)
                plane += fine
                plane = filtered(plane, up, 1) * strength
                plane *= sides[start + i]
                if streaks is not None:
                    streaks.add(plane, start + i)
                yield plane
            kept = kept[count:]

    def strength(self, canvas: Canvas, torso: Torso) -> Field:
        """Standard deviation in HU (y, z) in the median plane: larger in wide bodies, smaller at the surface."""
        z, y = canvas.axis(2).astype(float), canvas.axis(1).astype(float)
        _, middle, wide, back, front, _ = torso.skin(z)
        off = (y[:, None] - middle - (front - back) / 2) / ((front + back) / 2)
        inside = 1 - 0.35 * np.clip(off * off, 0, 1.3)
        averaged = np.sqrt(np.minimum(1, FINE_VOXEL_MM / canvas.spacing).prod())
        return np.asarray(self.hu * averaged * np.exp((wide - 150) / 150) * inside, np.float32)

    def sides(self, canvas: Canvas, torso: Torso) -> Field:
        """The fraction (x, z) of that standard deviation from side to side."""
        across, _, wide, *_ = torso.skin(canvas.axis(2).astype(float))
        off = (canvas.axis(0)[:, None] - across) / wide
        return np.asarray(1 - 0.35 * np.clip(off * off, 0, 1.3), np.float32)


class _Streaks:
    """Streaks from side to side, where few photons pass through the width of the body."""

    def __init__(self, canvas: Canvas, torso: Torso, hu: float, rng: np.random.Generator) -> None:
        y, z = canvas.axis(1).astype(float), canvas.axis(2).astype(float)
        x = canvas.axis(0).astype(float)
        across, middle, wide, back, front, _ = torso.skin(z)
        slopes = np.tan(np.radians(rng.uniform(-16, 16, 5)))
        reach = int(np.ceil(np.abs(slopes).max() * np.abs(x - across.mean()).max() / canvas.spacing[1])) + 1
        rows: Field = rng.standard_normal((5, y.size + 2 * reach, z.size), dtype=np.float32)
        rows = gaussian_filter1d(rows, 0.7 / canvas.spacing[1] + 0.3, axis=1, truncate=2.5)
        rows /= np.float32(rows.std() * np.sqrt(5))
        off = np.clip((y[:, None] - middle - (front - back) / 2) / ((front + back) / 2), -1, 1)
        path = 2 * wide * np.sqrt(1 - off * off)
        self.strength = (hu * np.clip(np.exp((path - 410) / 50), 0, 2.5)).astype(np.float32)
        self.rows, self.reach, self.slopes = rows, reach, slopes / canvas.spacing[1]
        self.x = x - across.mean()
        self.faint = bool(self.strength.max() < 1)

    def add(self, plane: Field, number: int) -> None:
        if self.faint:
            return
        count, total = plane.shape[0], np.float32(0)
        for rows, slope in zip(self.rows, self.slopes, strict=True):
            start = self.reach + round(slope * self.x[number])
            total = total + rows[start : start + count]
        plane += self.strength * total


def _weights(width: float) -> Field:
    """A Gaussian of ``width`` samples; a single 1 where it is too narrow to matter."""
    if width < 0.25:
        return np.ones(1, np.float32)
    reach = int(np.ceil(2.2 * width))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


def _padded(weights: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.floating]:
    edges = [((a - b) // 2, (a - b) // 2) for a, b in zip(shape, weights.shape, strict=True)]
    return np.pad(weights, edges)


def filtered(values: Field, weights: Field, axis: int) -> Field:
    """Correlation with symmetric weights along the first or second axis, without the borders."""
    if weights.size == 1:
        return values if weights[0] == 1 else values * weights[0]
    count = values.shape[axis] - weights.size + 1

    def part(start: int) -> Field:
        return values[start : start + count] if axis == 0 else values[:, start : start + count]

    reach = weights.size // 2
    total = part(reach) * weights[reach]
    for k in range(1, reach + 1):
        pair = part(reach - k) + part(reach + k)
        pair *= weights[reach + k]
        total += pair
    return total
