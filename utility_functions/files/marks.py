"""The mark that this package leaves in its own outputs, so that a prediction is never taken for a truth."""

from __future__ import annotations

import json
from pathlib import Path

from utility_functions.files import nifti
from utility_functions.files.broken_file import BrokenFile

GENERATOR = "spine-levels"
"""What a centroid file of ours names as its generator; every reader passes over that key."""
DESCRIPTION = f"{GENERATOR} prediction"
"""What the header of a label map of ours holds as its description."""
MARKED_ENDINGS = (
    *("_vertebrae.nii.gz", "_detection.nii.gz", "_heatmap.nii.gz", "_vertebra_heat.nii.gz"),
    *("_structures.nii.gz", "_numbered.nii.gz"),
    *("_centroids.json", "_centroids.mrk.json", "_candidates.json", "_trail.json", "_stages.json", "_findings.json"),
)
"""What the names of marked outputs end in; no other file is looked into."""


def is_prediction(path: Path) -> bool:
    """Whether a file bears the name of an output and the mark in it; a file that cannot be read does not."""
    name = path.name.lower()
    if not name.endswith(MARKED_ENDINGS) or not path.is_file():
        return False
    try:
        if name.endswith(".nii.gz"):
            return nifti.read_description(path) == DESCRIPTION
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (BrokenFile, OSError, ValueError, RecursionError):
        return False
    first = content[0] if isinstance(content, list) and content else content
    return isinstance(first, dict) and first.get("generator") == GENERATOR


def require_not_written_over(path: Path) -> None:
    """Raise a ValueError where a file stands at ``path`` that this package did not make."""
    if path.exists() and not is_prediction(path):
        raise ValueError(
            f"{path} was not made by this program and is not written over; move it, or choose another output folder."
        )
