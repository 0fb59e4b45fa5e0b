"""Sizes of scans that no body has, as headers in other units or with a wrong spacing claim them."""

from __future__ import annotations

from utility_functions.geometry.grid import Grid

LONGEST_MM, WIDEST_MM = 3000.0, 1200.0
"""No scanner's table is longer, and no bore is wider: limits of the longest and of the second longest side."""
SHORTEST_MM, VERTEBRA_MM = 2.0, 10.0
"""No field of view is below the first; below the second a scan holds no vertebra, which is 10 to 60 mm high."""
WIDEST_STEP_MM = 30.0
"""Voxels that lie farther apart skip whole vertebrae."""


def is_too_large(grid: Grid) -> bool:
    """Whether no body is as large, or whole vertebrae would lie between voxels."""
    _, wide, long = sorted(_sides_mm(grid))
    return long > LONGEST_MM or wide > WIDEST_MM or max(grid.spacing_mm) > WIDEST_STEP_MM


def size_problem(grid: Grid) -> str:
    """Why no scan of a body can have this size, in a sentence; "" where one can."""
    if is_too_large(grid):
        return f"{_said(grid)}, more than any body; its spacing or its unit of length is wrong."
    if max(_sides_mm(grid)) < SHORTEST_MM:
        return f"{_said(grid)}, less than any field of view; its spacing or its unit of length is wrong."
    return ""


def size_doubt(grid: Grid) -> str:
    """Why a scan of this size shows no vertebra, in a sentence; "" where it can."""
    if max(_sides_mm(grid)) < VERTEBRA_MM:
        return f"The scan is smaller than a vertebra: {_said(grid)}."
    return ""


def _sides_mm(grid: Grid) -> list[float]:
    return [float(count * step) for count, step in zip(grid.shape, grid.spacing_mm, strict=True)]


def _said(grid: Grid) -> str:
    sides, steps = (" x ".join(f"{value:.3g}" for value in values) for values in (_sides_mm(grid), grid.spacing_mm))
    return f"by its header it measures {sides} mm (voxels of {steps} mm)"
