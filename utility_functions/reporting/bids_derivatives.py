"""The results of a run as a BIDS derivative: a segmentation per scan and kind, each with its table of labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utility_functions.files.atomic_write import write_json, write_text
from utility_functions.files.bids import DESCRIPTION_FILE, VERSION, bids_name, data_set_root, require_distinct
from utility_functions.files.cases import Case
from utility_functions.files.images import write_image
from utility_functions.files.provenance import BIDS_ENDING, DESCRIPTION, GENERATOR, require_not_written_over
from utility_functions.geometry.volume import LabelMap
from utility_functions.json_records import parsed_json
from utility_functions.records.findings import Findings
from utility_functions.reporting.label_names import label_table
from utility_functions.reporting.versions import PACKAGE, versions

ENDINGS = (BIDS_ENDING, "_dseg.json", "_dseg.tsv")
KINDS: Mapping[str, tuple[str, str]] = {
    "instances": ("vertebrae", "Vertebrae one by one, by VerSe's numbers."),
    "detection": ("parts", "Where vertebrae or their parts are."),
    "structures": ("structures", "Vertebra, disc and canal."),
    "numbered": ("numbered", "Vertebrae counted from below, discs and canal, by SPIDER's numbers."),
}
"""The maps of findings that are written, each with its entity ``seg`` and its description."""
IGNORED = (
    *("*.html", "*.js", "*.png", "*.csv", "results.json", "comparison.json", "stages", "*_centroids.json"),
    *("*.mrk.json", "*_findings.json", "*_measurements.json", "*_trail.json", "*_stages.json", "*_candidates.json"),
    *(f"*_{kind}.nii.gz" for kind in ("vertebrae", "detection", "structures", "numbered")),
    *("*_seg.dcm", "*_sr.dcm"),
    *("*_heatmap.nii.gz", "*_landmark_heatmap.nii.gz", "*_probabilities.npz"),
)
"""The usual files of a run, which BIDS does not know."""


def bids_files(case_id: str, folder: Path) -> list[Path]:
    """The files of a scan that `write_derivatives` may write into ``folder``."""
    name = bids_name(case_id)
    return [folder / name.folder / name.file(kind, ending) for kind, _ in KINDS.values() for ending in ENDINGS]


def require_segmentations_free(case_id: str, folder: Path) -> None:
    """Raise a ValueError where a segmentation of another program would be written over."""
    for path in bids_files(case_id, folder):
        if path.name.endswith(BIDS_ENDING):
            require_not_written_over(path)


def require_derivative_place(case_ids: Sequence[str], folder: Path) -> None:
    """Raise a ValueError where a data set of others lies in ``folder``, and where two scans would share a name."""
    require_distinct(case_ids)
    place = folder / DESCRIPTION_FILE
    if place.exists():
        try:
            made_by = parsed_json(place.read_text(encoding="utf-8-sig"))["GeneratedBy"][0]["Name"]
        except (OSError, ValueError, LookupError, TypeError):
            made_by = None
        if made_by != PACKAGE:
            raise ValueError(
                f"A derivative needs a folder of its own, such as derivatives/{PACKAGE} of a data set. "
                f"Received: {folder}, which holds the {DESCRIPTION_FILE} of another one."
            )


def write_derivatives(findings: Findings, case: Case, folder: Path) -> list[Path]:
    """Write the label maps of one scan, which lie on its own grid, and what describes the data set.

    Returns the files of the scan. Where the scan lies in a BIDS data set, they name it as their source there.
    """
    name = bids_name(findings.case_id)
    root = data_set_root(case.image_path.absolute()) if case.phantom is None else None
    _describe(folder, root)
    for path in bids_files(findings.case_id, folder):
        path.unlink(missing_ok=True)
    source = case.image_path.name
    if root is not None:
        source = f"bids:raw:{case.image_path.absolute().relative_to(root).as_posix()}"
    written: list[Path] = []
    for field, (kind, words) in KINDS.items():
        labels = getattr(findings, field)
        if not isinstance(labels, LabelMap):
            continue
        image, about, table = (folder / name.folder / name.file(kind, ending) for ending in ENDINGS)
        write_image(labels, image, DESCRIPTION)
        sidecar: dict[str, Any] = {"Description": words, "Manual": False, "SpatialReference": source}
        write_json(about, sidecar | ({"Sources": [source]} if root is not None else {}), indent=2)
        write_text(table, _lookup(labels))
        written += [image, about, table]
    return written


def _lookup(labels: LabelMap) -> str:
    """The numbers of a map, their names and colours, tab separated."""
    rows = [
        f"{each['number']}\t{each['name']}\t#{''.join(f'{part:02x}' for part in each['colour'])}"
        for each in label_table(labels)
    ]
    return "\n".join(["index\tname\tcolor", *rows]) + "\n"


def _describe(folder: Path, source: Path | None) -> None:
    """The description of the derivative, and the files in it that BIDS does not know."""
    made_by = {"Name": PACKAGE, "Version": versions().get(PACKAGE, "unknown")}
    about: dict[str, Any] = {
        "Name": f"Vertebrae found by {GENERATOR}",
        "BIDSVersion": VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [made_by],
    }
    if source is not None:
        about["DatasetLinks"] = {"raw": Path(os.path.relpath(source, folder.absolute())).as_posix()}
        about["SourceDatasets"] = [{"URL": about["DatasetLinks"]["raw"]}]
    write_json(folder / DESCRIPTION_FILE, about, indent=2)
    readme = folder / "README"
    if not readme.exists():
        write_text(readme, "Vertebrae found by spine-levels. For research; not for clinical use.\n")
    write_text(folder / ".bidsignore", "\n".join(IGNORED) + "\n")
