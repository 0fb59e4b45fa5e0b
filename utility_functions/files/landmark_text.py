"""Landmarks in text: CSI's .lml and CSV tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.delimited import delimiter_of
from utility_functions.files.landmark_points import AnnotatedPoint, named, named_by_id, number
from utility_functions.geometry.grid import Grid


def read_lml(path: Path, grid: Grid | None) -> list[AnnotatedPoint]:
    """CSI: a header line (or none), then "id  L1_center  x  y  z" in mm from the first voxel along the array axes.

    Origin and direction of the image play no part in them, so the grid's array must be stored as it was annotated.
    """
    if grid is None:
        raise BrokenFile(f"{path}: .lml positions count from the first voxel, which means nothing without the scan.")
    points = []
    for place, line in enumerate(_text(path).splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words or (place == 1 and not _is_number(words[0])):
            continue
        if len(words) != 5:
            raise BrokenFile(f"{path}: line {place} must read 'id name x y z', but it is {line.strip()[:80]!r}.")
        name = named(path, words[1])
        along_mm = [number(path, word, f"line {place}, the position of {name},") for word in words[2:]]
        x, y, z = grid.to_mm(np.asarray(along_mm) / np.asarray(grid.spacing_mm))
        points.append(AnnotatedPoint(name, (float(x), float(y), float(z))))
    return points


def read_csv(path: Path) -> list[AnnotatedPoint]:
    """Columns name (or label: a VerSe id or a name), x, y, z in RAS mm and optionally score; any order, any others."""
    lines = _text(path).splitlines()
    if not lines:
        return []
    table = csv.DictReader(lines, delimiter=delimiter_of(lines[0]))
    columns = {column.strip().lower(): column for column in table.fieldnames or [] if column}
    key = next((word for word in ("name", "label") if word in columns), "name")
    missing = [word for word in (key, "x", "y", "z") if word not in columns]
    if missing:
        raise BrokenFile(f"{path}: its first line must name the columns name, x, y, z; {', '.join(missing)} missing.")
    points = []
    for place, row in enumerate(table, start=2):
        text = (row[columns[key]] or "").strip()
        name = "" if not text else named_by_id(path, text) if key == "label" and text.isdigit() else named(path, text)
        x, y, z = (number(path, row[columns[axis]], f"line {place}, {axis} of {name},") for axis in "xyz")
        score = row[columns["score"]] if "score" in columns else "1"
        points.append(AnnotatedPoint(name, (x, y, z), number(path, score or "1", f"line {place}, score of {name},")))
    return points


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BrokenFile(f"{path}: is not a text file.") from error
