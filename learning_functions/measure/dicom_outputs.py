"""The DICOM objects of one scan: its segmentation, and the report that refers to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from learning_functions.dicom_kinds import SEG, SR, kinds_in
from utility_functions.anatomy.morphometry.spine_measurements import SpineMeasurements
from utility_functions.files.cases import Case
from utility_functions.files.dicom_source import dicom_source, is_dicom_scan, require_references
from utility_functions.files.provenance import REPORT_OBJECT, SEGMENTATION_OBJECT
from utility_functions.records.findings import Findings


def require_dicom_scans(cases: Iterable[Case]) -> None:
    """Raise a ValueError where a scan is not DICOM, or its first image lacks the UIDs to refer to it."""
    for case in cases:
        if case.phantom is not None or not case.has_image or not is_dicom_scan(case.image_path):
            raise ValueError(
                "DICOM objects refer to the images of a DICOM scan, so they are written for no other scan. "
                f"Received: {case.image_path}."
            )
        require_references(case.image_path)


def write_dicom_objects(
    findings: Findings,
    measured: SpineMeasurements | None,
    case: Case,
    folder: Path,
    kinds: str,
    models: Sequence[str] = (),
) -> list[Path]:
    """Write the objects of one scan; returns their paths.

    findings: with maps on the scan's own grid. kinds: as the option ``dicom`` has them. models: the names of those
    that ran. Where nothing was segmented there is no segmentation, and the report refers to none.
    Raises: BrokenFile where no object can refer to the scan's images.
    """
    # highdicom takes half a second to load, and most runs write no DICOM.
    from utility_functions.reporting.dicom_objects import write_object
    from utility_functions.reporting.dicom_report import spine_report
    from utility_functions.reporting.dicom_segmentation import spine_segmentation

    wanted, source = kinds_in(kinds), dicom_source(case.image_path)
    segmentation = spine_segmentation(findings, source, models) if SEG in wanted else None
    report = spine_report(findings, measured, source, segmentation) if SR in wanted else None
    made = {SEGMENTATION_OBJECT: None if segmentation is None else segmentation.dataset, REPORT_OBJECT: report}
    written = []
    for ending, each in made.items():
        if each is not None:
            written.append(folder / f"{findings.case_id}{ending}")
            write_object(each, source, written[-1])
    return written
