"""BIDS: the names of its files, the roots of its data sets, and what of a raw data set is a scan.

The Brain Imaging Data Structure (Gorgolewski et al., Sci Data 2016;3:160044), with its derivatives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utility_functions.files.images import stem_of
from utility_functions.json_records import parsed_json

DESCRIPTION_FILE = "dataset_description.json"
VERSION = "1.10.0"
SOURCE_ENTITIES = ("sub", "ses", "task", "acq", "ce", "rec", "run", "echo", "part")
"""Entities of a raw image that its segmentation may bear, in the order in which BIDS wants them before ``space``."""
NO_SCANS = (
    *("func", "dwi", "fmap", "perf", "eeg", "meg", "ieeg", "beh", "micr", "nirs", "motion", "mrs", "emg"),
    *("sourcedata", "derivatives", "code", "stimuli", "phenotype"),
)
"""Folders of a raw data set that hold no anatomical image."""


@dataclass(frozen=True)
class BidsName:
    """The name of a segmentation of one scan.

    entities: those of the source that segmentations may bear, with the subject at least. description: what else its
    name tells (its kind of image, other entities), in letters and figures alone.
    """

    entities: Mapping[str, str]
    description: str

    @property
    def folder(self) -> Path:
        """The folder of its files below the root."""
        parts = [f"{key}-{self.entities[key]}" for key in ("sub", "ses") if key in self.entities]
        return Path(*parts, "anat")

    def file(self, segmentation: str, suffix: str) -> str:
        """The name of a file: of what it tells, with an ending such as "_dseg.nii.gz"."""
        words = [f"{key}-{value}" for key, value in self.entities.items()]
        words += ["space-orig", f"seg-{segmentation}", *([f"desc-{self.description}"] if self.description else [])]
        return "_".join(words) + suffix


def bids_name(case_id: str) -> BidsName:
    """The name of a scan's derivatives, from the name of the scan, whether it is BIDS or not.

    A scan whose name tells no subject is a subject of its own.
    """
    found: dict[str, str] = {}
    rest: list[str] = []
    for word in case_id.split("_"):
        key, dash, value = word.partition("-")
        if dash and key in SOURCE_ENTITIES and key not in found and value.isalnum() and value.isascii():
            found[key] = value
        else:
            rest.append(word)
    if "sub" not in found:
        return BidsName({"sub": _letters(case_id) or "unnamed"}, "")
    return BidsName({key: found[key] for key in SOURCE_ENTITIES if key in found}, _letters("".join(rest)))


def require_distinct(case_ids: Sequence[str]) -> None:
    """Raise a ValueError where two scans would have derivatives of one name."""
    names: dict[str, str] = {}
    for case_id in case_ids:
        other = names.setdefault(bids_name(case_id).file("x", ""), case_id)
        if other != case_id:
            raise ValueError(f"In BIDS the results of two scans would have one name. Received: {other} and {case_id}.")


def data_set_root(path: Path) -> Path | None:
    """The root of the BIDS data set that a file or folder lies in; None where it lies in none."""
    return next((each for each in (path, *path.parents) if _is_root(each)), None)


def holds_no_scan(image: Path, root: Path) -> bool:
    """Whether an image of the data set at ``root`` lies where BIDS keeps time series, fields, sources or results."""
    return any(part in NO_SCANS for part in image.relative_to(root).parts[:-1])


def told_modality(image: Path) -> str | None:
    """The modality that the JSON beside an image tells, such as "MR"; None where there is none."""
    beside = image.with_name(f"{stem_of(image)}.json")
    try:
        content = parsed_json(beside.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    told = content.get("Modality") if isinstance(content, dict) else None
    return told if isinstance(told, str) else None


def _is_root(folder: Path) -> bool:
    try:
        content = parsed_json((folder / DESCRIPTION_FILE).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "BIDSVersion" in content


def _letters(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)
