"""Hypothesis strategies for grids of scanners and tools: any storage, spacing, rotation and shear."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from utility_functions.geometry.grid import ALL_ORIENTATIONS, FloatArray, Grid, direction_matrix

orientations = st.sampled_from(ALL_ORIENTATIONS)
spacings = st.tuples(*[st.floats(0.3, 6.0)] * 3)
origins = st.tuples(*[st.floats(-400.0, 400.0)] * 3)
shapes = st.tuples(*[st.integers(1, 9)] * 3)


@st.composite
def grids(draw: st.DrawFn, most_degrees: float = 180.0, most_shear: float = 0.3, shapes: object = shapes) -> Grid:
    """A grid rotated by up to ``most_degrees`` about each axis of the world, and sheared."""
    degrees = draw(st.tuples(*[st.floats(-most_degrees, most_degrees)] * 3))
    shear = np.eye(3)
    shear[np.triu_indices(3, 1)] = draw(st.tuples(*[st.floats(-most_shear, most_shear)] * 3))
    affine = np.eye(4)
    turned = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ shear
    affine[:3, :3] = turned @ direction_matrix(draw(orientations)) * draw(spacings)
    affine[:3, 3] = draw(origins)
    return Grid(draw(shapes), affine)  # type: ignore[arg-type]


def turned(grid: Grid, radians: float) -> Grid:
    """The grid rotated about the world's z axis."""
    affine = grid.affine.copy()
    affine[:3] = Rotation.from_euler("z", radians).as_matrix() @ affine[:3]
    return Grid(grid.shape, affine)


def voxel_centres(grid: Grid) -> FloatArray:
    """World positions (x, y, z, 3) of all voxels."""
    return grid.to_mm(np.stack(np.indices(grid.shape), axis=-1))
