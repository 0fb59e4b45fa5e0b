"""The sources of samples: a scan and its tissues on a spec's grid, random windows, and elastically deformed slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.spec import OUTSIDE, Spec, padding_value_of
from utility_functions.files.cases import Scan, true_landmarks
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume


def place_scan(scan: Scan, spec: Spec, grid: Grid | None = None) -> tuple[Volume, Landmarks]:
    """The image on ``grid``, or on the upright grid of the spec (int16), and the centroids of the bodies.

    Out of the field of view stands the padding value. Without annotated centroids, the label map gives those of the
    bodies. Raises: ValueError where there is neither.
    """
    landmarks = true_landmarks(scan)
    if landmarks is None:
        raise ValueError("There is no annotation: neither centroids nor a label map.")
    return place_image(scan, spec, grid), landmarks


def place_image(scan: Scan, spec: Spec, grid: Grid | None = None) -> Volume:
    """The image on ``grid``, or on the upright grid of the spec (int16); it has the padding value out of the scan.

    Raises: ValueError without an image.
    """
    if not scan.case.has_image:
        raise ValueError("There is no image, only keypoints.")
    grid = scan.volume.grid.upright(spec.spacing_mm, spec.axcodes) if grid is None else grid
    image = resample(scan.volume, grid, fill=padding_value_of(scan.volume.voxels))
    return image.with_voxels(np.clip(np.round(image.voxels), -32768, 32767).astype(np.int16))


def place_tissues(scan: Scan, grid: Grid) -> LabelMap | None:
    """The tissue of each voxel of ``grid``, OUTSIDE out of the field of view; None without a tissue map."""
    return None if scan.tissues is None else resample(scan.tissues, grid, fill=OUTSIDE)


def random_window(shape: Sequence[int], patch: Sequence[int], rng: np.random.Generator) -> NDArray[np.int_]:
    """The first voxel of a patch at a random position; up to a quarter of it may reach out of the scan."""
    room = np.asarray(shape) - np.asarray(patch)
    outside = np.asarray(patch) // 4
    low, high = np.minimum(room, 0) - outside, np.maximum(room, 0) + outside
    return np.asarray(rng.integers(low, high + 1))


def elastic_in_plane(
    slices: NDArray[np.int16],
    target: NDArray[np.uint8],
    first: NDArray[np.int_],
    shape: tuple[int, int],
    deviation: NDArray[np.float64],
    fill: float,
    rng: np.random.Generator,
    tissues: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.int16], NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Slices (n, y, z), target (y, z) and tissues (n, y, z), cropped to ``shape`` from pixel ``first`` on and deformed
    alike.

    The field is a cubic spline through 3x3 control points moved by N(0, deviation) pixels along each axis.
    """
    control = rng.normal(0.0, 1.0, (2, 3, 3)) * np.reshape(deviation, (2, 1, 1))
    places = np.meshgrid(*(np.linspace(0, 2, size) for size in shape), indexing="ij")
    field = [ndimage.map_coordinates(axis, places, order=3, mode="nearest") for axis in control]
    rows = np.arange(shape[0])[:, None] + first[0] + field[0]
    columns = np.arange(shape[1])[None, :] + first[1] + field[1]
    where = np.stack([rows, columns])
    deformed = np.stack(
        [ndimage.map_coordinates(one, where, order=1, mode="constant", cval=fill, output=np.float32) for one in slices]
    )
    labels = ndimage.map_coordinates(target, where, order=0, mode="constant", cval=0)
    if tissues is not None:
        tissues = np.stack(
            [ndimage.map_coordinates(one, where, order=0, mode="constant", cval=OUTSIDE) for one in tissues]
        )
    return np.round(deformed).astype(np.int16), labels, tissues
