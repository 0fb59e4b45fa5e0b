"""Flattening of a scan's brightness: division by its local mean, as against the fall-off of a surface coil."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.geometry.volume import Volume

COARSE_MM = 5.0
"""The mean is computed on voxels of about this size."""
FAINTEST = 0.02
"""The least local mean by which a scan is divided, as a fraction of the largest; noise far from a coil stays dark."""
EMPTY = 0.25
"""Voxels below this fraction of the mean around them are air or void, and do not count."""
ITERATIONS = 3
PRIOR, RIDGE = 1e-3, 0.05
"""Weights of the scan's mean and of level planes, which decide where there is little tissue."""


def flattened(volume: Volume, deviation_mm: float) -> Volume:
    """The volume divided by the geometric mean of tissue within a Gaussian of this standard deviation, float32.

    Tissue then has about 1 everywhere. Intensities are those of MR, from 0 up; what lies below 0 becomes 0.
    """
    grid = volume.grid
    steps = np.maximum(1, np.round(COARSE_MM / np.asarray(grid.spacing_mm))).astype(int)
    image = np.maximum(volume.voxels, 0).astype(np.float32)
    coarse = _block_means(image, steps)
    field = _local_mean(coarse, deviation_mm / (steps * np.asarray(grid.spacing_mm)))
    image /= np.maximum(_refined(field, steps, image.shape), np.float32(FAINTEST) * field.max() + np.float32(1e-6))
    return volume.with_voxels(image)


def _local_mean(image: NDArray[np.float32], deviation: NDArray[np.float64]) -> NDArray[np.float32]:
    """The geometric mean of tissue round each voxel; where there is none, that of the tissue nearby.

    The logarithm is a plane within the Gaussian (local linear regression, Cleveland 1979), so that the mean is not too
    bright where tissue ends on the dark side.
    """
    brightest = float(np.percentile(image, 99))
    if brightest <= 0:
        return np.ones_like(image)
    lowest = float(np.log(1e-3 * brightest))
    logarithm = np.log(np.maximum(image, np.float32(1e-3 * brightest))).astype(np.float64) - lowest
    tissue = image > 0.02 * brightest
    mean = np.zeros(image.shape)
    for _ in range(ITERATIONS):
        mean = _plane_fitted(logarithm, tissue.astype(np.float64), deviation)
        tissue = logarithm > mean + np.log(EMPTY)
    return np.asarray(np.exp(np.clip(mean, 0, -np.log(1e-3) + 1) + lowest), np.float32)


def _plane_fitted(
    values: NDArray[np.float64], weight: NDArray[np.float64], deviation: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The value at each voxel of the plane fitted by weighted least squares within the Gaussian."""

    def averaged(field: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndimage.gaussian_filter(field, deviation, truncate=3.0, mode="constant"))

    x = [
        (np.arange(size) / width).reshape([-1 if i == axis else 1 for i in range(3)])
        for axis, (size, width) in enumerate(zip(values.shape, deviation, strict=True))
    ]
    first = [averaged(weight * x[i]) for i in range(3)]
    whole, total = averaged(weight), averaged(weight * values)
    usual = float(values[weight > 0].mean()) if weight.any() else 0.0
    matrix, right = np.zeros((*values.shape, 4, 4)), np.zeros((*values.shape, 4))
    matrix[..., 0, 0], right[..., 0] = whole + PRIOR, total + PRIOR * usual
    for i in range(3):
        slope = first[i] - x[i] * whole
        matrix[..., 0, i + 1] = matrix[..., i + 1, 0] = slope
        right[..., i + 1] = averaged(weight * values * x[i]) - x[i] * total
        for j in range(i + 1):
            moment = averaged(weight * x[i] * x[j]) - x[i] * first[j] - x[j] * first[i] + x[i] * x[j] * whole
            matrix[..., i + 1, j + 1] = matrix[..., j + 1, i + 1] = moment
        matrix[..., i + 1, i + 1] += RIDGE * whole + PRIOR
    return np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0, 0])


def _block_means(image: NDArray[np.float32], steps: NDArray[np.int_]) -> NDArray[np.float32]:
    for axis, step in enumerate(steps):
        starts = np.arange(0, image.shape[axis], step)
        sizes = np.diff([*starts, image.shape[axis]]).astype(np.float32)
        shape = [-1 if i == axis else 1 for i in range(3)]
        image = np.asarray(np.add.reduceat(image, starts, axis=axis) / sizes.reshape(shape), np.float32)
    return image


def _refined(field: NDArray[np.float32], steps: NDArray[np.int_], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The field on the fine voxels, linear between the middles of the coarse ones."""
    for axis, step in enumerate(steps):
        places = np.clip((np.arange(shape[axis]) - (step - 1) / 2) / step, 0, field.shape[axis] - 1)
        below = np.minimum(np.floor(places).astype(int), max(field.shape[axis] - 2, 0))
        fraction = (places - below).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(3)])
        above = np.minimum(below + 1, field.shape[axis] - 1)
        field = np.asarray(np.take(field, below, axis) * (1 - fraction) + np.take(field, above, axis) * fraction)
    return field
