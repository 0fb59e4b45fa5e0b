"""A list of scans that measure.py and generate_samples.py read again: cases written as a manifest."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from utility_functions.files.atomic_write import require_writable, write_text
from utility_functions.files.cases import Case
from utility_functions.files.patient_pseudonyms import require_for_files

COLUMNS = (
    *("name", "type", "image_path", "mask_path", "centroid_json_path", "tissue_path"),
    *("patient", "modality", "label_code"),
)


def write_scan_list(cases: Sequence[Case], path: Path, split: str | None = "", within: Path | None = None) -> None:
    """The cases as a manifest at ``path``; streamed phantoms in words.

    split: the type of all of them; None for each one's own. within: the folder that paths are relative to, so that it
    can be moved; without it they are whole.
    """
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    for case in cases:
        files = (case.image_path, case.label_map_path, case.landmarks_path, case.tissue_path)
        whole = [None if file is None else file.absolute() for file in files]
        if within is not None:
            whole = [None if file is None else file.relative_to(within.absolute()) for file in whole]
        columns = ["" if file is None else str(file) for file in whole]
        if case.phantom is not None:
            columns[0] = case.phantom.words
        patient = require_for_files(case.patient)
        rows.writerow(
            (case.case_id, case.split if split is None else split, *columns, patient, case.modality, case.label_code)
        )
    write_text(path, table.getvalue())


def require_listable(cases: Sequence[Case], path: Path) -> None:
    """Raise, in one sentence, unless the cases can be listed at ``path`` without harm to a file of another kind."""
    if keypoints := [case.case_id for case in cases if not case.has_image]:
        raise ValueError(f"A list names images, and here are keypoints alone. Received: {keypoints[0]}.")
    require_writable(path.parent)
    if path.exists() and not (path.is_file() and path.read_bytes().startswith(",".join(COLUMNS).encode())):
        raise ValueError(f"What is there is no list of scans and is not written over. Received: {path}.")
