"""Sizes of scans that no body has, as headers in other units or with a wrong spacing claim them."""

from __future__ import annotations

import numpy as np

from utility_functions.geometry.grid import Grid

LONGEST_MM, WIDEST_MM = 3000.0, 1200.0
"""No scanner's table is longer, and no bore is wider: limits of the longest and of the second longest side."""
SHORTEST_MM = 10.0
"""A scan whose longest side is below this holds no vertebra, which is 10 to 60 mm high."""
WIDEST_STEP_MM = 30.0
"""Voxels that lie farther apart skip whole vertebrae."""


def size_problem(grid: Grid) -> str:
    """What is wrong with the size of a scan, in a sentence; "" where a body can have it."""
    sides = np.asarray(grid.shape) * np.asarray(grid.spacing_mm)
    _, wide, long = sorted(float(side) for side in sides)
    sizes, steps = (" x ".join(f"{value:.3g}" for value in values) for values in (sides, grid.spacing_mm))
    said = f"by its header it measures {sizes} mm (voxels of {steps} mm)"
    if long > LONGEST_MM or wide > WIDEST_MM or max(grid.spacing_mm) > WIDEST_STEP_MM:
        return f"{said}, more than any body; its spacing or its unit of length is wrong."
    if long < SHORTEST_MM:
        return f"{said}, less than one vertebra; its spacing or its unit of length is wrong."
    return ""
