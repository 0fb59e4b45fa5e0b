"""The grain of marrow, fat and muscle: a random pattern that is added to HU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from utility_functions.phantom.shapes import Field

TILE_MM = 96.0
PATCH_MM = 4.0
GRAIN_MM = 0.9


class Texture:
    """Grain about 2 mm from peak to peak on patches of a centimetre: of unit deviation where voxels are fine.

    Coarse voxels average the grain away, as they do in a scan. The pattern repeats every TILE_MM, and only one repeat
    from left to right is stored, because allocating memory takes longer than all other work on a voxel.
    """

    def __init__(self, shape: tuple[int, int, int], spacing: NDArray[np.float64], rng: np.random.Generator) -> None:
        counts = [min(n, max(8, round(TILE_MM / s))) for n, s in zip(shape, spacing, strict=True)]
        grain: Field = rng.standard_normal(counts, dtype=np.float32)
        patches: Field = rng.standard_normal((24, 24, 24), dtype=np.float32)
        kept = 1.0
        for axis, step in enumerate(spacing):
            if step < 3 * GRAIN_MM:
                grain = gaussian_filter1d(grain, GRAIN_MM / step, axis=axis, truncate=2.0, mode="wrap")
            patches = gaussian_filter1d(patches, 0.7, axis=axis, truncate=2.0, mode="wrap")
            kept *= (1 + step**2 / (12 * GRAIN_MM**2)) ** -0.25
        for axis, (count, step) in enumerate(zip(counts, spacing, strict=True)):
            patches = between(patches, np.arange(count) * step / PATCH_MM, axis)
        tile = grain * np.float32(0.87 * kept / max(float(grain.std()), 1e-3))
        tile += patches * np.float32(0.5 / max(float(patches.std()), 1e-3))
        self.shape = shape
        self.tile: Field = np.empty((counts[0], *shape[1:]), np.float32)
        for y in range(0, shape[1], counts[1]):
            for z in range(0, shape[2], counts[2]):
                part = self.tile[:, y : y + counts[1], z : z + counts[2]]
                part[...] = tile[:, : part.shape[1], : part.shape[2]]

    def __getitem__(self, box: slice | tuple[slice, ...]) -> Field:
        """The grain of a box of voxels, read-only."""
        across, *others = box if isinstance(box, tuple) else (box,)
        period = self.tile.shape[0]
        start, stop, _ = across.indices(self.shape[0])
        first = start % period
        if first + stop - start <= period:
            return self.tile[(slice(first, first + stop - start), *others)]
        return np.asarray(np.take(self.tile[(slice(None), *others)], np.arange(start, stop) % period, axis=0))


def between(values: Field, places: NDArray[np.floating], axis: int) -> Field:
    """Values at fractional places along an axis, from both neighbours; the array is periodic."""
    below = np.floor(places).astype(int)
    fraction = (places - below).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    count = values.shape[axis]
    low = np.take(values, below % count, axis=axis)
    low += fraction * (np.take(values, (below + 1) % count, axis=axis) - low)
    return np.asarray(low)
