"""Checked landmarks from an annotation file: known names, none twice, all inside the scan."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utility_functions.anatomy.labels import LEVELS, name_of_verse_id, parse_name
from utility_functions.files.broken_file import BrokenFile
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks

log = logging.getLogger(__name__)

OUTSIDE_MARGIN_MM = 10.0
"""A centroid may lie this far out of the scan: that of a truncated vertebra often does."""


@dataclass(frozen=True)
class AnnotatedPoint:
    """One row of an annotation file: name ("" when the file gives none), position in RAS+ mm, confidence."""

    name: str
    mm: tuple[float, float, float]
    score: float = 1.0


def landmarks_of(path: Path, points: Sequence[AnnotatedPoint], grid: Grid | None) -> Landmarks:
    """Checked landmarks; levels that are not free vertebrae or sacral segments (the coccyx) are left out.

    Raises: BrokenFile when there are none, when a name stands twice, or when one lies outside the scan.
    """
    if not points:
        raise BrokenFile(f"{path}: holds no landmark.")
    for point in points:
        if point.name and sum(other.name == point.name for other in points) > 1:
            raise BrokenFile(f"{path}: {point.name} stands in it more than once.")
        if not all(math.isfinite(value) for value in point.mm):
            raise BrokenFile(f"{path}: {point.name or 'a point'} has no finite position ({point.mm}).")
        if grid is not None and not grid.contains(point.mm, OUTSIDE_MARGIN_MM):
            distance = distance_outside_mm(grid, point.mm)
            raise BrokenFile(
                f"{path}: {point.name or 'a point'} lies {distance:.0f} mm outside the scan; the file belongs to "
                "another scan, or its coordinates are in another frame."
            )
    kept = [point for point in points if not point.name or point.name in LEVELS]
    if len(kept) < len(points):
        log.info("%s: %d landmarks that are no spinal level are left out.", path, len(points) - len(kept))
    return Landmarks(
        tuple(point.name for point in kept),
        np.array([point.mm for point in kept]).reshape(-1, 3),
        np.array([point.score for point in kept]),
    )


def distance_outside_mm(grid: Grid, point_mm: Sequence[float]) -> float:
    """How far a point lies from the nearest voxel of the scan; 0 inside."""
    index = grid.to_index(point_mm)
    nearest = np.clip(index, -0.5, np.asarray(grid.shape) - 0.5)
    return float(np.linalg.norm(grid.to_mm(index) - grid.to_mm(nearest)))


def named(path: Path, text: Any) -> str:
    """The vocabulary's name for a level written as text. Raises: BrokenFile for an unknown one."""
    name = parse_name(text) if isinstance(text, str) else None
    if name is None:
        raise BrokenFile(f"{path}: {text!r} is no known level (C1-C7, T1-T13, L1-L6, S1, S2).")
    return name


def named_by_id(path: Path, label: Any) -> str:
    """The vocabulary's name for a VerSe id. Raises: BrokenFile for an unknown one."""
    value = number(path, label, "label")
    name = name_of_verse_id(int(value)) if value.is_integer() else None
    if name is None:
        raise BrokenFile(f"{path}: label {label} is no known level (VerSe ids are 1 to 28).")
    return name


def number(path: Path, value: Any, what: str) -> float:
    """A number from a JSON value or a word. Raises: BrokenFile that says which one is missing or wrong."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise BrokenFile(f"{path}: {what} must be a number, but it is {value!r}.")
