"""Landmarks in JSON: VerSe centroids, POI of TPTBox, Slicer markups, VID keypoints and a list of name, x, y, z."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.keypoints import keypoints_of
from utility_functions.files.landmark_poi import PER_SUBREGION, body_of_label, is_poi, read_poi
from utility_functions.files.landmark_points import AnnotatedPoint, named, named_by_id, number
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.geometry.grid import Grid, direction_matrix
from utility_functions.json_records import json_text, parsed_json

log = logging.getLogger(__name__)

FORMATS = (
    'VerSe centroids, POI of TPTBox, Slicer markups, VID keypoints, or a list of {"name", "x", "y", "z"} in RAS mm'
)


def read_points(path: Path, grid: Grid | None) -> list[AnnotatedPoint]:
    """The points of a JSON file, whose format is recognised by its content. Raises: BrokenFile."""
    try:
        content = parsed_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise BrokenFile(f"{path}: is not a JSON file.") from error
    if isinstance(content, dict) and isinstance(content.get("markups"), list):
        return _markups(path, content["markups"])
    if isinstance(content, dict) and isinstance(content.get("centroids"), dict):  # as TPTBox reads of other programs
        content = content["centroids"].get("centroids")
    if isinstance(content, list) and not content:
        return []
    if isinstance(content, list) and is_poi(content):
        return read_poi(path, content, grid)
    if isinstance(content, list) and all(isinstance(entry, dict) for entry in content):
        if any("direction" in entry or "label" in entry for entry in content):
            return _verse(path, content, grid)
        if any("coordinates" in entry for entry in content):
            return _keypoints(path, content)
        if any("name" in entry for entry in content):
            return [_plain(path, entry) for entry in content]
    raise BrokenFile(f"{path}: holds none of the known formats of landmarks ({FORMATS}).")


def _verse(path: Path, entries: list[dict[str, Any]], grid: Grid | None) -> list[AnnotatedPoint]:
    """X, Y, Z are voxel indices along the array axes in the orientation that "direction" names, from 0.

    TPTBox writes this form, too, with subregions in the labels (`landmark_poi.PER_SUBREGION`).
    """
    if grid is None:
        raise BrokenFile(f"{path}: VerSe centroids are voxel indices, which mean nothing without their scan.")
    named_directions = [entry["direction"] for entry in entries if "direction" in entry]
    if len(named_directions) != 1:
        raise BrokenFile(f'{path}: must name one "direction" of its axes, such as ["P", "I", "R"].')
    try:
        axcodes = "".join(named_directions[0]).upper()
        direction_matrix(axcodes)
    except (TypeError, ValueError) as error:
        raise BrokenFile(f"{path}: {named_directions[0]!r} is no direction of three axes.") from error
    stored = grid.reoriented(axcodes)
    points = []
    for entry in entries:
        if "direction" in entry:
            continue
        label = _value(path, entry, "label", "an entry")
        if isinstance(label, int) and not isinstance(label, bool) and label >= PER_SUBREGION:
            label = body_of_label(label)
            if label is None:
                continue
        name = named_by_id(path, label)
        index = [number(path, _value(path, entry, axis, name), f"{axis} of {name}") for axis in "XYZ"]
        if any(math.isnan(value) for value in index):
            log.info("%s: %s has no position (NaN) and is left out.", path, name)
            continue
        x, y, z = stored.to_mm(index)
        points.append(AnnotatedPoint(name, (float(x), float(y), float(z))))
    return points


def _plain(path: Path, entry: dict[str, Any]) -> AnnotatedPoint:
    """{"name", "x", "y", "z"} and optionally "score"; RAS mm."""
    text = _value(path, entry, "name", "an entry")
    name = named(path, text) if text else ""
    x, y, z = (number(path, _value(path, entry, axis, name or "an entry"), f"{axis} of {name}") for axis in "xyz")
    score = entry.get("score", 1.0)
    return AnnotatedPoint(name, (x, y, z), math.nan if score is None else number(path, score, f"score of {name}"))


def _markups(path: Path, markups: list[Any]) -> list[AnnotatedPoint]:
    """Control points of Slicer 5; "coordinateSystem" says whether they are LPS (also when absent) or RAS."""
    points = []
    for markup in markups:
        if not isinstance(markup, dict) or not isinstance(markup.get("controlPoints", []), list):
            raise BrokenFile(f"{path}: is no list of Slicer markups.")
        system = str(markup.get("coordinateSystem", "LPS")).upper()
        if system not in ("LPS", "RAS"):
            raise BrokenFile(f"{path}: coordinateSystem must be LPS or RAS, but it is {system}.")
        unit = markup.get("coordinateUnits", "mm")
        if unit not in ("mm", ["mm", "UCUM", "millimeter"]):
            raise BrokenFile(f"{path}: coordinateUnits must be mm, but they are {unit!r}.")
        for control in markup.get("controlPoints", []):
            if not isinstance(control, dict):
                raise BrokenFile(f"{path}: is no list of Slicer markups.")
            if control.get("positionStatus", "defined") != "defined":
                continue
            text = control.get("label", "")
            name = named(path, text) if text else ""
            points.append(AnnotatedPoint(name, _position(path, control.get("position"), name, system)))
    return points


def _keypoints(path: Path, entries: list[dict[str, Any]]) -> list[AnnotatedPoint]:
    """Of VID's keypoints only bodies are landmarks; detections bear no level."""
    found = keypoints_of(path, entries)
    return [
        AnnotatedPoint(name, (x, y, z)) for name, (x, y, z) in zip(found.names, found.bodies_mm.tolist(), strict=True)
    ]


def _position(path: Path, values: Any, name: str, system: str) -> tuple[float, float, float]:
    """Three numbers in mm as RAS."""
    if not isinstance(values, list) or len(values) != 3:
        raise BrokenFile(f"{path}: {name or 'a point'} must have a position of three numbers, but it has {values!r}.")
    position = [number(path, value, f"position of {name or 'a point'}") for value in values]
    x, y, z = swap_lps_ras(position) if system == "LPS" else position
    return float(x), float(y), float(z)


def _value(path: Path, entry: dict[str, Any], key: str, what: str) -> Any:
    if key not in entry:
        raise BrokenFile(f"{path}: {what} has no {key!r} ({json_text(entry)[:80]}).")
    return entry[key]
