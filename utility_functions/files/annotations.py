"""Landmarks on disk: every format that is read, by suffix and content, and those that are written."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from utility_functions.anatomy.labels import CSI_LEVELS, VERSE_IDS
from utility_functions.files.atomic_write import write_json, write_text
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.landmark_json import read_points
from utility_functions.files.landmark_points import landmarks_of
from utility_functions.files.landmark_text import read_csv, read_lml
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.files.unfetched import ADVICE, absence_of, is_pointer, leads_nowhere
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks

INTERPOLATED = "interpolated between others, not detected"
LANDMARK_SUFFIXES = (".lml", ".json", ".csv")
MARKUPS_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)

NO_RANGES: Mapping[str, tuple[str, str]] = MappingProxyType({})


def read_landmarks(path: Path, grid: Grid | None) -> Landmarks:
    """Landmarks in RAS+ mm from .lml, VerSe JSON, POI of TPTBox, plain JSON, CSV, Slicer markups or VID keypoints.

    grid: that of the scan, as stored. None reads formats in world mm only, and checks no position.
    Raises: BrokenFile for unknown levels, missing or duplicate ones, and points outside the scan.
    """
    path = Path(path)
    if not path.is_file():
        raise BrokenFile(f"{path}: {absence_of(path) if leads_nowhere(path) else 'there is no such file.'}")
    if is_pointer(path):
        raise BrokenFile(f"{path}: is a pointer to data that is not here; {ADVICE}.")
    suffix = path.suffix.lower()
    if suffix == ".lml":
        points = read_lml(path, grid)
    elif suffix == ".csv":
        points = read_csv(path)
    elif suffix == ".json":
        points = read_points(path, grid)
    else:
        raise BrokenFile(
            f"{path}: landmarks are read from {', '.join(LANDMARK_SUFFIXES)}, not from {suffix or 'this'}."
        )
    return landmarks_of(path, points, grid)


def write_verse_json(
    landmarks: Landmarks, path: Path, grid: Grid, generator: str = "", interpolated: Collection[str] = ()
) -> None:
    """VerSe centroids: indices on ``grid``, in its stored orientation. Levels without a VerSe id (S2) are left out.

    generator: the program that found them, for predictions; interpolated: levels put between detected ones, which get
    an entry "filled": true. Readers ignore both.
    """
    made_by = {"generator": generator} if generator else {}
    entries: list[dict[str, Any]] = [{"direction": list(grid.axcodes), **made_by}]
    for name, point in landmarks:
        if name in VERSE_IDS:
            x, y, z = (round(float(value), 2) for value in grid.to_index(point))
            mark = {"interpolated": True} if name in interpolated else {}
            entries.append({"label": VERSE_IDS[name], "X": x, "Y": y, "Z": z, **mark})
    write_json(path, entries)


def write_markups(
    landmarks: Landmarks,
    path: Path,
    generator: str = "",
    interpolated: Collection[str] = (),
    ranges: Mapping[str, tuple[str, str]] = NO_RANGES,
) -> None:
    """Write ``markups`` as JSON."""
    write_json(path, markups(landmarks, generator, interpolated, ranges), indent=1)


def markups(
    landmarks: Landmarks,
    generator: str = "",
    interpolated: Collection[str] = (),
    ranges: Mapping[str, tuple[str, str]] = NO_RANGES,
) -> dict[str, Any]:
    """A fiducial list that Slicer 5 opens by drag and drop; LPS mm. generator, interpolated: as in VerSe files.

    ranges: the highest and the lowest level that an uncertain name may stand for; the point's description tells it.
    """
    made_by = {"generator": generator} if generator else {}
    points = [
        {
            "id": str(place),
            "label": name,
            "description": INTERPOLATED if name in interpolated else _range_in_words(ranges.get(name)),
            "associatedNodeID": "",
            "position": [round(float(value), 4) for value in swap_lps_ras(point)],
            "orientation": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
            "selected": True,
            "locked": False,
            "visibility": True,
            "positionStatus": "defined",
        }
        for place, (name, point) in enumerate(landmarks, start=1)
    ]
    markup = {
        "type": "Fiducial",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "fixedNumberOfControlPoints": False,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": len(points),
        "controlPoints": points,
    }
    return {"@schema": MARKUPS_SCHEMA, **made_by, "markups": [markup]}


def _range_in_words(levels: tuple[str, str] | None) -> str:
    return "" if levels is None or levels[0] == levels[1] else f"uncertain: {levels[0]} to {levels[1]}"


def write_lml(landmarks: Landmarks, path: Path, grid: Grid) -> None:
    """CSI .lml: mm from the first voxel along the array axes of ``grid``; id 0 for variants without a CSI number."""
    lines = ["id\tname\tx\ty\tz"]
    for name, point in landmarks:
        x, y, z = grid.to_index(point) * np.asarray(grid.spacing_mm)
        lines.append(f"{CSI_LEVELS.get(name, 0)}\t{name}_center\t{x:.4f}\t{y:.4f}\t{z:.4f}")
    write_text(path, "\n".join(lines) + "\n")


def write_landmarks_csv(landmarks: Landmarks, path: Path) -> None:
    """Columns name, x, y, z (RAS mm) and score."""
    table = io.StringIO()
    rows = csv.DictWriter(table, ["name", "x", "y", "z", "score"], lineterminator="\n")
    rows.writeheader()
    rows.writerows(_rows(landmarks))
    write_text(path, table.getvalue())


def write_landmarks_json(
    landmarks: Landmarks, path: Path, generator: str = "", interpolated: Collection[str] = ()
) -> None:
    """A list of {"name", "x", "y", "z", "score"}; RAS mm. generator, interpolated: as in VerSe files."""
    rows = [{**row, **({"interpolated": True} if row["name"] in interpolated else {})} for row in _rows(landmarks)]
    if generator and rows:
        rows[0] = {"generator": generator, **rows[0]}
    write_json(path, rows, indent=1)


def _rows(landmarks: Landmarks) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            **{axis: round(float(v), 4) for axis, v in zip("xyz", point, strict=True)},
            "score": float(score),
        }
        for (name, point), score in zip(landmarks, landmarks.scores, strict=True)
    ]
