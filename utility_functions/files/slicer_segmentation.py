"""Segmentations of 3D Slicer (.seg.nrrd): the numbers are arbitrary, and the header names the segments."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from utility_functions.anatomy.labels import VERSE_IDS, parse_name
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.text_headers import require_sound_header
from utility_functions.geometry.volume import LabelMap

log = logging.getLogger(__name__)

_NAME = re.compile(r"^Segment(\d+)_Name$")
_BETWEEN = re.compile(r"[\s_(),:-]+")
_VERTEBRA = ("vertebra", "vertebrae", "vertebral", "vert", "body", "level", "bone")
_SEGMENT = ("seg", "segment", "segmentation", "mask", "label")
_BESIDE_A_LEVEL = frozenset((*_VERTEBRA, *_SEGMENT))
_REGIONS = {"cervical": "C", "thoracic": "T", "lumbar": "L"}
_NAMED = {"atlas": "C1", "axis": "C2"}
_MOST_TOLD = 5


def segment_names(path: Path) -> dict[int, str]:
    """The name of each segment's number in the header of an NRRD file; empty for any other file.

    Raises: BrokenFile where segments have no numbers, or lie on several layers, and for a header that crashes ITK.
    """
    if not path.name.lower().endswith(".nrrd"):
        return {}
    require_sound_header(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return {}
    metadata = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    segments = [match.group(1) for key in metadata if (match := _NAME.match(key))]
    if not segments:
        return {}
    layers = {metadata.get(f"Segment{segment}_Layer", "0") for segment in segments}
    if len(layers) > 1 or reader.GetNumberOfComponents() > 1:
        raise BrokenFile(f"{path}: its segments lie on several layers; save it as one label map.")
    found: dict[int, str] = {}
    for segment in segments:
        try:
            number = int(metadata[f"Segment{segment}_LabelValue"])
        except (KeyError, ValueError) as error:
            raise BrokenFile(
                f"{path}: its header names segments and does not tell their numbers (LabelValue); save it anew with a "
                "recent version of 3D Slicer."
            ) from error
        found[number] = metadata[f"Segment{segment}_Name"].strip()
    if len(found) < len(segments):
        raise BrokenFile(f"{path}: two segments share a number; save it as one label map.")
    return found


def in_verse_ids(label_map: LabelMap, names: Mapping[int, str], path: Path) -> LabelMap:
    """The map with each segment that is named after a level under that level's VerSe id, and all others left out.

    Raises: BrokenFile where no segment is, and where two are named after one vertebra.
    """
    ids = {number: VERSE_IDS[level] for number, name in names.items() if (level := level_of(name)) is not None}
    others = [name for number, name in names.items() if number not in ids]
    some = ", ".join(others[:_MOST_TOLD]) + (", ..." if len(others) > _MOST_TOLD else "")
    if not ids:
        raise BrokenFile(
            f"{path}: none of its segments is named after a vertebra, as L1 is; name them, or save it as a label map "
            f"(.nrrd, .nii.gz) without names. Received: {some}."
        )
    given = list(ids.values())
    if twice := sorted(names[number] for number, own in ids.items() if given.count(own) > 1 and own != VERSE_IDS["S1"]):
        raise BrokenFile(f"{path}: segments are named after the same vertebra. Received: {', '.join(twice)}.")
    if others:
        log.warning("%s: segments that are named after no vertebra are left out: %s.", path, some)
    found = np.zeros(label_map.voxels.shape, np.uint8)
    for number, own in ids.items():
        found[label_map.voxels == number] = own
    return LabelMap(found, label_map.grid)


def level_of(name: str) -> str | None:
    """The level in a segment's name ("L1", "L1-body", "Lumbar 1", "C1 (atlas)", "Axis"), if it has a VerSe id.

    All other words than those for any vertebra must give one level: "T1-2", "L5-S1" and "disc L4" have none.
    """
    words = [word for word in _BETWEEN.split(name.lower()) if word and word not in _BESIDE_A_LEVEL]
    if len(words) == 2 and words[0].isalpha() and words[1].isdigit():
        words = [_REGIONS.get(words[0], words[0]) + words[1]]
    levels = {_NAMED.get(word) or parse_name(word) for word in words}
    level = levels.pop() if len(levels) == 1 else None
    return level if level in VERSE_IDS else None
