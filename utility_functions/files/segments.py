"""Segmentations of 3D Slicer (.seg.nrrd): whose numbers are as they came, and whose header names the segments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from utility_functions.anatomy.labels import VERSE_IDS, parse_name
from utility_functions.files.broken_file import BrokenFile
from utility_functions.geometry.volume import LabelMap

_NAME = re.compile(r"^Segment(\d+)_Name$")
_AROUND_A_LEVEL = re.compile(r"vertebrae?|body|level|[\s_()-]+", re.IGNORECASE)
_TOLD = 5


def segment_names(path: Path) -> dict[int, str]:
    """The name of each number that the header of an NRRD file tells as a segment; empty for any other file.

    Raises: BrokenFile where two segments share a number, as those that lie on layers of their own do.
    """
    if not path.name.lower().endswith(".nrrd"):
        return {}
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return {}
    found: dict[int, str] = {}
    for key in reader.GetMetaDataKeys():
        told = _NAME.match(key)
        value = f"Segment{told.group(1)}_LabelValue" if told else ""
        if not told or not reader.HasMetaDataKey(value):
            continue
        number = int(reader.GetMetaData(value))
        if number in found:
            raise BrokenFile(
                f"{path}: two segments share the number {number}, as those on layers of their own do; "
                "save it as one label map."
            )
        found[number] = reader.GetMetaData(key).strip()
    return found


def in_verse_ids(label_map: LabelMap, names: Mapping[int, str], path: Path) -> LabelMap:
    """The map with each segment that is named after a level under that level's VerSe id, and all others left out.

    Raises: BrokenFile where no segment is, and where two are named after one level.
    """
    ids = {number: VERSE_IDS[level] for number, name in names.items() if (level := _level(name)) is not None}
    if not ids:
        some = ", ".join(list(names.values())[:_TOLD]) + (", ..." if len(names) > _TOLD else "")
        raise BrokenFile(
            f"{path}: none of its segments is named after a vertebra, as L1 is; name them, or save a label map with "
            f"a code of its own. Received: {some}."
        )
    if len(set(ids.values())) < len(ids):
        twice = sorted(name for number, name in names.items() if list(ids.values()).count(ids.get(number, -1)) > 1)
        raise BrokenFile(f"{path}: segments are named after the same vertebra. Received: {', '.join(twice)}.")
    found = np.zeros(label_map.voxels.shape, np.uint8)
    for number, own in ids.items():
        found[label_map.voxels == number] = own
    return LabelMap(found, label_map.grid)


def _level(name: str) -> str | None:
    """The level that a segment's name tells ("L1", "vertebra L1", "vertebrae_L1", "Sacrum"), if it has a VerSe id."""
    level = parse_name(_AROUND_A_LEVEL.sub("", name))
    return level if level in VERSE_IDS else None
