"""The CT scanner: slice thickness, reconstruction kernel, noise, artefacts, and rounding to whole HU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utility_functions.phantom.artefacts import Motion, Shading, draw_motion
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.field_of_view import NotReconstructed
from utility_functions.phantom.noise import Noise, filtered
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.torso import Torso


@dataclass(frozen=True)
class Kernel:
    """A reconstruction kernel: a point spread of ``width_mm`` (deviation) in the axial plane.

    lift: strength of edge enhancement, 0 for soft kernels; edges overshoot by about a fifth of it.
    """

    width_mm: float
    lift: float

    def weights(self, spacing_mm: float) -> Field:
        """Weights (odd number,) along one axis of the axial plane."""
        narrow, wide = self.width_mm / spacing_mm, 2.2 * max(self.width_mm, 0.4) / spacing_mm
        reach = int(np.ceil(2.2 * (wide if self.lift > 0 else narrow)))
        reach = reach if max(wide * (self.lift > 0), narrow) > 0.25 else 0
        place = np.arange(-reach, reach + 1)
        sharp = np.exp(-0.5 * (place / max(narrow, 0.2)) ** 2)
        soft = np.exp(-0.5 * (place / max(wide, 0.2)) ** 2)
        weights = (1 + self.lift) * sharp / sharp.sum() - self.lift * soft / soft.sum()
        return np.asarray(weights, np.float32)


@dataclass(frozen=True)
class Scanner:
    """The settings of a scan: kernel, noise, artefacts, and calibration of HU.

    bands, cupping: see artefacts.Shading. gain, offset: of its HU. lowest, highest: where HU are clipped.
    empty: HU of voxels that are not reconstructed.
    """

    kernel: Kernel
    noise: Noise
    bands: float
    cupping: float
    motion: Motion | None
    gain: float
    offset: float
    lowest: float
    highest: float
    empty: float


def draw_scanner(rng: np.random.Generator, overlap: float = 1.0) -> Scanner:
    """A random scanner; ``overlap``: the ratio of slice thickness to slice distance."""
    kind, rare = int(np.searchsorted((0.3, 0.6), rng.random())), rng.random(7)  # soft, medium, sharp
    width = float(rng.uniform(*((0.6, 0.95), (0.4, 0.6), (0.25, 0.4))[kind]))
    dose, lift = rng.uniform(0, 1), rng.uniform(0.3, 1.3)
    hardness, cupping, streaks = rng.uniform(2, 22), rng.uniform(-4, 14), np.exp(rng.uniform(np.log(4), np.log(60)))
    motion, (smeared, anisotropy) = draw_motion(rng), rng.uniform(1, (1.8, 2.4))
    suppressed = float(rng.uniform(*((0.5, 0.75), (0.6, 0.85), (0.8, 0.95))[kind]))
    noise = Noise(
        hu=float(np.exp(np.log(3.5) + dose * np.log(11))) * (1.0, 1.4, 2.5)[kind],
        fine_mm=width,
        coarse_mm=width * float(rng.uniform(1.7, 2.6)),
        suppressed=suppressed,
        slices=overlap * float(smeared),
        streaks=float(streaks) if rare[0] < 0.4 else 0.0,
        anisotropy=float(anisotropy) if rare[0] < 0.6 else 1.0,
    )
    return Scanner(
        kernel=Kernel(width, float(lift) * (0.0, 0.3, 1.0)[kind]),
        noise=noise,
        bands=float(hardness) if rare[1] < 0.6 else 0.0,
        cupping=float(cupping),
        motion=motion if rare[2] < 0.06 else None,
        gain=float(rng.normal(1, 0.015)),
        offset=float(rng.normal(0, 4) if rare[3] < 0.9 else rng.normal(0, 25)),
        lowest=-1024.0 if rare[4] < 0.75 else -1000.0 if rare[4] < 0.85 else -2048.0,
        highest=3071.0 if rare[5] < 0.85 else float(rng.choice([1024.0, 2047.0, 4095.0])),
        empty=float(-1024 if rare[6] < 0.6 else rng.choice([-1000, -2000, -2048, -3024])),
    )


def through_slices(canvas: Canvas, axis: int, count: int, overlap: float) -> None:
    """Averages ``count`` painted planes (odd) to a slice, or more where slices ``overlap`` (above 1).

    Labels and tissues are those of the middle plane.
    """
    if count == 1 and overlap <= 1:
        return
    half = max(count * overlap / 2, 0.5)
    reach = int(np.ceil(half - 0.5))
    weights = np.clip(half + 0.5 - np.abs(np.arange(-reach, reach + 1)), 0, 1)
    weights = (weights / weights.sum()).astype(np.float32)
    total = canvas.shape[axis]
    middles = np.arange(count // 2, total, count)
    hu = np.zeros([len(middles) if i == axis else n for i, n in enumerate(canvas.shape)], np.float32)
    for k, weight in zip(range(-reach, reach + 1), weights, strict=True):
        hu += weight * np.take(canvas.hu, np.clip(middles + k, 0, total - 1), axis=axis)
    part = tuple(slice(count // 2, None, count) if i == axis else slice(None) for i in range(3))
    canvas.hu, canvas.labels, canvas.tissues = hu, canvas.labels[part], canvas.tissues[part]
    canvas.origin = canvas.origin + np.eye(3)[axis] * canvas.spacing[axis] * (count // 2)
    canvas.spacing = canvas.spacing * np.where(np.arange(3) == axis, count, 1)
    canvas.shape = (hu.shape[0], hu.shape[1], hu.shape[2])


def image(
    canvas: Canvas, torso: Torso, scanner: Scanner, emptied: NotReconstructed, rng: np.random.Generator
) -> NDArray[np.int16]:
    """The scan of a painted canvas in whole HU; clears labels and tissues where nothing was reconstructed.

    rng: of the noise of single voxels alone.
    """
    scan = np.empty(canvas.shape, np.int16)
    across, along = (scanner.kernel.weights(float(canvas.spacing[axis])) for axis in (0, 1))
    reach, edge = across.size // 2, along.size // 2
    shading = Shading(canvas, torso, scanner.bands, scanner.cupping)
    last = canvas.shape[0] - 1
    for number, noise in enumerate(scanner.noise.planes(canvas, torso, rng)):
        if reach <= number <= last - reach:
            near = canvas.hu[number - reach : number + reach + 1]
        else:
            near = canvas.hu[np.clip(np.arange(number - reach, number + reach + 1), 0, last)]
        plane = filtered(near, across, 0)[0]
        if edge:
            plane = filtered(np.pad(plane, ((edge, edge), (0, 0)), mode="edge"), along, 0)
        plane = plane + noise
        plane += shading.plane(number)
        plane *= np.float32(scanner.gain)
        plane += np.float32(scanner.offset)
        np.clip(plane, scanner.lowest, scanner.highest, out=plane)
        empty = emptied.plane(number)
        if empty is not None:
            where = np.broadcast_to(empty, plane.shape)
            plane[where] = scanner.empty
            canvas.labels[number][where] = 0
            canvas.tissues[number][where] = 0
        np.rint(plane, out=plane)
        scan[number] = plane
    return scan
