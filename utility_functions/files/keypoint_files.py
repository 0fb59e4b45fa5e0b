"""Landmark files to be named without their images: finding them and their truth, and reading them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.files.annotations import LANDMARK_SUFFIXES, read_landmarks
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.keypoints import read_keypoints
from utility_functions.files.provenance import is_prediction
from utility_functions.files.utf8_names import require_utf8
from utility_functions.json_records import parsed_json

SEEN, TRUE = "predictions", "truth"
"""Folders of detections and of what is true, as VID has them; files of one scan have the same name."""
DOUBLE_SUFFIX = ".mrk.json"


@dataclass(frozen=True)
class KeypointFile:
    """One scan: the file to be named, and that of its truth where there is one."""

    case_id: str
    path: Path
    truth_path: Path | None = None


def find_keypoint_files(source: Path) -> list[KeypointFile]:
    """A landmark file, a folder of such, or one that holds predictions/ and truth/ (VID).

    The truth of a file lies in a folder truth/ in or beside its own. Outputs of measure.py are ignored.
    Raises: BrokenFile where there is none, or where two have the same name.
    """
    source = Path(source)
    if not source.exists():
        raise BrokenFile(f"{source}: there is no such file or folder.")
    folder = source / SEEN if (source / SEEN).is_dir() else source
    paths = [source] if source.is_file() else _landmark_files(folder)
    if not paths:
        raise BrokenFile(f"{source}: no landmark file was found ({', '.join(LANDMARK_SUFFIXES)}).")
    inside = folder.parent if source.is_file() else folder
    places = [inside / TRUE, *([inside.parent / TRUE] if inside.name == SEEN else [])]
    truths = {name_of(path): path for place in reversed(places) if place.is_dir() for path in _landmark_files(place)}
    names = [name_of(require_utf8(path)) for path in paths]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BrokenFile(f"{source}: files of one scan bear one name, but there are several of {', '.join(twice[:5])}.")
    return [KeypointFile(name, path, truths.get(name)) for name, path in zip(names, paths, strict=True)]


def read_detected(path: Path) -> Keypoints:
    """The detected bodies of a file: all of VID's keypoints; of other formats the positions and, where given, names.

    Raises: BrokenFile; also for formats in voxel indices, which need the scan.
    """
    if _is_keypoints(path):
        return read_keypoints(path)
    landmarks = read_landmarks(path, None)
    none = np.zeros((0, 3))
    return Keypoints(landmarks.points_mm, landmarks.names, np.full((len(landmarks), 3), np.nan), none, none)


def name_of(path: Path) -> str:
    """The name of a scan from that of its landmark file."""
    return path.name.removesuffix(DOUBLE_SUFFIX) if path.name.endswith(DOUBLE_SUFFIX) else path.stem


def _landmark_files(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in LANDMARK_SUFFIXES and path.is_file()]
    return [path for path in found if not is_prediction(path) and path.name not in ("results.json", "results.csv")]


def _is_keypoints(path: Path) -> bool:
    """Whether a file is a list of keypoints; an empty list is one of no keypoint."""
    if not path.is_file() or path.suffix.lower() != ".json":
        return False
    try:
        content = parsed_json(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        return False
    return isinstance(content, list) and all(isinstance(entry, dict) and "coordinates" in entry for entry in content)
