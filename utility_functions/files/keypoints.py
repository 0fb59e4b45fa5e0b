"""VID keypoints (Buergin et al. 2023): bodies with their names or probabilities, and pedicles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.landmark_points import named
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.json_records import json_text, parsed_json


def read_keypoints(path: Path) -> Keypoints:
    """The keypoints of a VID file; its positions are LPS mm. Raises: BrokenFile."""
    try:
        entries = parsed_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise BrokenFile(f"{path}: is not a JSON file.") from error
    if not isinstance(entries, list):
        raise BrokenFile(f"{path}: is no list of keypoints.")
    return keypoints_of(path, entries)


def keypoints_of(path: Path, entries: list[Any]) -> Keypoints:
    """The keypoints of what the file holds, read already. Raises: BrokenFile."""
    places: dict[str, list[NDArray[np.float64]]] = {"body": [], "left": [], "right": []}
    names: list[str] = []
    probabilities: list[NDArray[np.float64]] = []
    for entry in entries:
        parts = [entry.get(part) if isinstance(entry, dict) else None for part in ("type", "coordinates")]
        if not all(isinstance(part, dict) for part in parts):
            raise BrokenFile(f'{path}: each keypoint needs a "type" and "coordinates".')
        try:
            kind, place = entry["type"], _numbers(entry["coordinates"]["world_space"])
            places[kind["keypoint_type"]].append(swap_lps_ras(place))
            if kind["keypoint_type"] == "body":
                names.append(named(path, kind["spine_level"]) if "spine_level" in kind else "")
                given = kind.get("spine_segment_probabilities")
                probabilities.append(np.full(3, np.nan) if given is None else _numbers(given))
        except BrokenFile:
            raise  # an unknown level has the same message everywhere
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BrokenFile(f"{path}: holds a keypoint that is none ({json_text(entry)[:80]}).") from error
    bodies, left, right = (np.array(places[kind], float).reshape(-1, 3) for kind in ("body", "left", "right"))
    return Keypoints(bodies, tuple(names), np.array(probabilities, float).reshape(-1, 3), left, right)


def _numbers(values: Any) -> NDArray[np.float64]:
    """Three finite numbers. Raises: ValueError, TypeError."""
    numbers = np.array(values, float)
    if numbers.shape != (3,) or not np.isfinite(numbers).all():
        raise ValueError(f"Three finite numbers are needed. Received: {values!r}.")
    return numbers
