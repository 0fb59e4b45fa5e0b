"""Landmarks in the points of interest (POI) of TPTBox and SPINEPS: per vertebra one point for each subregion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from utility_functions.anatomy.labels import LEVELS, name_of_verse_id, parse_name
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.landmark_points import AnnotatedPoint
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.geometry.grid import Grid, direction_matrix

BODY, WHOLE = 50, 40
"""The subregions that tell a centroid: the vertebral body and, of C1, which has none, the whole vertebra."""
PER_SUBREGION = 256
"""In flat lists of points a label is the vertebra's id plus this times the subregion."""
LOCAL, WORLD = "POI", "POI_GLOBAL"
SAME_SPACING = 0.02


def is_poi(content: list[Any]) -> bool:
    """Whether the content of a JSON file is a header and the points by vertebra and subregion."""
    first = content[0] if content else None
    if not isinstance(first, dict):
        return False
    nested = len(content) == 2 and isinstance(content[1], dict) and "label" not in content[1]
    return first.get("format") in (LOCAL, WORLD) or (nested and "direction" in first)


def read_poi(path: Path, content: list[Any], grid: Grid | None) -> list[AnnotatedPoint]:
    """The centroids of vertebral bodies, RAS+ mm; other subregions and structures that are no level are left out.

    Format POI_GLOBAL holds world mm ("coordinate_system": "nib" is RAS, "itk" is LPS). Format POI holds indices on
    the grid that the header tells: "direction", "zoom" and, where they are there, "rotation" and "origin" (RAS mm).
    grid: that of the scan, as stored; needed where the header tells no origin, and of the same axes and spacing then.
    """
    header, points = content[0], _bodies(path, content[1] if len(content) > 1 else None)
    if header.get("format") == WORLD:
        system = str(header.get("coordinate_system", "nib"))
        if system not in ("nib", "itk"):
            raise BrokenFile(f"{path}: coordinate_system must be nib or itk, but it is {system!r}.")
        found = {name: swap_lps_ras(point) if system == "itk" else point for name, point in points.items()}
    else:
        stored = _grid_of(path, header, grid)
        found = {name: stored.to_mm(point) for name, point in points.items()}
    return [AnnotatedPoint(name, (float(x), float(y), float(z))) for name, (x, y, z) in found.items()]


def body_of_label(label: int) -> int | None:
    """The vertebra's id in a label that also tells the subregion, None of other subregions than the body."""
    subregion, vertebra = divmod(label, PER_SUBREGION)
    return vertebra if subregion in (0, BODY) else None


def _bodies(path: Path, vertebrae: Any) -> dict[str, np.ndarray]:
    """One point for each level, as stored."""
    if not isinstance(vertebrae, dict) or not all(isinstance(value, dict) for value in vertebrae.values()):
        raise BrokenFile(f"{path}: holds no points by vertebra and subregion.")
    found = {}
    for key, subregions in vertebrae.items():
        name = name_of_verse_id(int(key)) if key.isdigit() else parse_name(key)
        if name not in LEVELS:
            continue
        point = subregions.get(str(BODY), subregions.get("Vertebra_Corpus"))
        if point is None and name == "C1":
            point = subregions.get(str(WHOLE), subregions.get("Vertebra_Full"))
        if point is not None:
            found[name] = _three(path, point, f"the position of {name}")
    return found


def _grid_of(path: Path, header: dict[str, Any], grid: Grid | None) -> Grid:
    """The grid in whose voxels the points are counted."""
    try:
        axcodes = "".join(header["direction"]).upper()
        direction_matrix(axcodes)
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenFile(f"{path}: must name one direction of three axes, such as ['P', 'I', 'R'].") from error
    zoom = None if header.get("zoom") is None else _three(path, header["zoom"], "zoom")
    if zoom is not None and (zoom <= 0).any():
        raise BrokenFile(f"{path}: zoom must be above zero, but it is {zoom.tolist()}.")
    if zoom is not None and header.get("rotation") is not None and header.get("origin") is not None:
        affine = np.eye(4)
        rows = header["rotation"]
        if not isinstance(rows, list) or len(rows) != 3:
            raise BrokenFile(f"{path}: rotation must be three rows of three numbers.")
        affine[:3, :3] = np.array([_three(path, row, "a row of rotation") for row in rows]) * zoom
        affine[:3, 3] = _three(path, header["origin"], "origin")
        try:
            return Grid((1, 1, 1), affine)
        except ValueError as error:
            raise BrokenFile(f"{path}: {error}") from error
    if grid is None:
        raise BrokenFile(
            f"{path}: its points are voxel indices without an origin, which mean nothing without the scan."
        )
    stored = grid.reoriented(axcodes)
    shape = None if header.get("shape") is None else _three(path, header["shape"], "shape")
    apart = zoom is not None and np.abs(zoom / np.asarray(stored.spacing_mm) - 1).max() > SAME_SPACING
    if apart or (shape is not None and not np.array_equal(np.rint(shape), stored.shape)):
        raise BrokenFile(
            f"{path}: counts voxels of another grid than the scan's (zoom {header.get('zoom')}, shape "
            f"{header.get('shape')}), and tells no origin."
        )
    return stored


def _three(path: Path, values: Any, what: str) -> np.ndarray:
    try:
        numbers = np.array(values, float)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != (3,) or not np.isfinite(numbers).all():
        raise BrokenFile(f"{path}: {what} must be three numbers, but it is {str(values)[:80]}.")
    return numbers
