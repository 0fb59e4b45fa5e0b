"""The provenance stamp of this package's outputs, so that a prediction is never taken for a ground truth."""

from __future__ import annotations

from pathlib import Path

from utility_functions.files import nifti
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom_header import read_header, text_of
from utility_functions.files.probability_files import generator_of
from utility_functions.json_records import parsed_json
from utility_functions.records.findings import MAP_ENDINGS

GENERATOR = "spine-levels"
"""The generator in this package's centroid files; every reader ignores that key."""
DESCRIPTION = f"{GENERATOR} prediction"
"""The description in the header of this package's label maps."""
SEGMENTATION_OBJECT, REPORT_OBJECT = "_seg.dcm", "_sr.dcm"
"""The endings of a scan's DICOM Segmentation and Structured Report; the manufacturer in them is the generator."""
STAMPED_ENDINGS = (
    *MAP_ENDINGS.values(),
    *("_centroids.json", "_centroids.mrk.json", "_candidates.json", "_trail.json", "_stages.json", "_findings.json"),
    *("_measurements.json", SEGMENTATION_OBJECT, REPORT_OBJECT),
    "_probabilities.npz",
)
"""The endings of stamped outputs; no other file is opened."""

BIDS_ENDING = "_dseg.nii.gz"
"""The ending of label maps in a BIDS derivative; they are stamped, too."""

RECORDS = {
    "results.json": {"command", "versions", "models", "scans"},
    "comparison.json": {"command", "versions", "pipelines"},
}
"""Records of a whole run, and keys that this package's records have."""
VIEW_ENDING = "_view.html"
"""The ending of the page that shows a scan in slices and 3D."""
SCRIPT = "niivue.js"
"""The script that the views of a run's scans load; its first line names the generator."""
PLOTS = ("errors.png", "dice.png", "reliability.png")
"""Of a run, and each only where there is something to plot."""
RESULTS = (
    *("results.json", "results.csv", "report.html", *PLOTS),
    *("comparison.json", "comparison.csv", "comparison.html"),
)
"""Files of a whole run, or of several."""


def is_prediction(path: Path) -> bool:
    """Whether a file has the name of an output and the stamp in it; a file that cannot be read has not."""
    name = path.name.lower()
    if not name.endswith((*STAMPED_ENDINGS, BIDS_ENDING)) or not path.is_file():
        return False
    try:
        if name.endswith(".nii.gz"):
            return nifti.read_description(path) == DESCRIPTION
        if name.endswith(".dcm"):
            return text_of(read_header(path), "Manufacturer") == GENERATOR
        if name.endswith(".npz"):
            return generator_of(path) == GENERATOR
        content = parsed_json(path.read_text(encoding="utf-8-sig"))
    except (BrokenFile, OSError, ValueError):
        return False
    first = content[0] if isinstance(content, list) and content else content
    return isinstance(first, dict) and first.get("generator") == GENERATOR


def require_not_written_over(path: Path) -> None:
    """Raise a ValueError where a file stands at ``path`` that this package did not make."""
    if path.exists() and not is_prediction(path):
        raise _others(path)


def require_picture_free(path: Path, case_id: str) -> None:
    """Raise a ValueError where a picture is at ``path`` and no results beside it show that this package made it."""
    beside = [path.with_name(f"{case_id}{ending}") for ending in STAMPED_ENDINGS]
    if path.exists() and not any(is_prediction(each) for each in beside) and not _holds_results(path.parent):
        raise _others(path)


def require_results_free(folder: Path) -> None:
    """Raise a ValueError where a folder holds files named as a run's results that this package did not make."""
    there = [folder / name for name in RESULTS if (folder / name).exists()]
    if there and not _holds_results(folder):
        raise _others(there[0])
    require_script_free(folder)


def require_script_free(folder: Path) -> None:
    """Raise a ValueError where a script stands in ``folder`` under the name of the views' own, without the stamp."""
    script = folder / SCRIPT
    if script.exists():
        with script.open("rb") as file:
            if GENERATOR.encode() not in file.readline(1000):
                raise _others(script)


def _holds_results(folder: Path) -> bool:
    for name, keys in RECORDS.items():
        try:
            content = parsed_json((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and keys <= set(content):
            return True
    return False


def _others(path: Path) -> ValueError:
    return ValueError(
        f"{path} was not made by this program and is not written over; move it, or choose another output folder."
    )
