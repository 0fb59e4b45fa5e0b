"""A DICOM Structured Report (TID 1500) of the centroids, measurements and doubts of one scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from utility_functions.anatomy.morphometry.spine_measurements import SpineAngle, SpineMeasurements
from utility_functions.files.dicom_source import DicomSource
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.records.findings import Findings
from utility_functions.reporting import dicom_codes as known
from utility_functions.reporting.dicom_codes import Quantity, level_code, level_region
from utility_functions.reporting.dicom_objects import device_uid, equipment, identity, lenient, new_uid
from utility_functions.reporting.dicom_segmentation import SpineSegmentation
from utility_functions.reporting.measurement_frames import measurement_frame
from utility_functions.reporting.spine_segments import disc_label

SERIES = "Spine measurements"
NOT_FOR_DIAGNOSIS = "Made by a program for research, not for diagnosis; not verified by a reader."
INTERPOLATED = "Not detected, but interpolated between other levels."
Group = (
    sr.MeasurementsAndQualitativeEvaluations
    | sr.PlanarROIMeasurementsAndQualitativeEvaluations
    | sr.VolumetricROIMeasurementsAndQualitativeEvaluations
)
"""A measurement group: of the scan (TID 1501), of a point (TID 1410) or of a segment (TID 1411)."""


def spine_report(
    findings: Findings,
    measured: SpineMeasurements | None,
    source: DicomSource,
    segmentation: SpineSegmentation | None = None,
) -> sr.Comprehensive3DSR:
    """The report of a scan: a group for the spine, one for each centroid, one for each vertebra and disc measured.

    segmentation: the one whose segments the vertebrae and discs refer to; without it they refer to none.
    What was not measured is left out, and a comment tells why. Raises: BrokenFile.
    """
    with lenient(source):
        groups = [_spine(findings, measured), *_centroids(findings, source)]
        if measured is not None:
            groups += _measured(measured, source, segmentation)
        observer = sr.DeviceObserverIdentifyingAttributes(
            device_uid(),
            name=equipment()["manufacturer"],
            manufacturer_name=equipment()["manufacturer"],
            model_name=equipment()["manufacturer_model_name"],
        )
        report = sr.MeasurementReport(
            sr.ObservationContext(sr.ObserverContext(codes.DCM.Device, observer)),
            _procedure(source),
            groups,
            title=codes.DCM.ImagingMeasurementReport,
        )
        scheme = CodingSchemeIdentificationItem(known.SCHEME, name=known.SCHEME_NAME)
        return sr.Comprehensive3DSR(
            evidence=[*source.images, *([] if segmentation is None else [segmentation.dataset])],
            content=report,
            is_complete=True,
            coding_schemes=[scheme],
            **identity(source, 2, SERIES),
        )


def _procedure(source: DicomSource) -> Code:
    procedures = {"CT": codes.LN.CTUnspecifiedBodyRegion, "MR": codes.LN.MRIUnspecifiedBodyRegion}
    return procedures.get(source.modality, codes.SCT.ImagingProcedure)


def _spine(findings: Findings, measured: SpineMeasurements | None) -> Group:
    """The group of the whole scan: its angles, and what a reader must know."""
    angles = () if measured is None else measured.angles
    group = sr.MeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(new_uid(), "spine"),
        finding_category=known.STRUCTURE,
        finding_type=known.SPINE,
        finding_sites=[sr.FindingSite(known.SPINE)],
        measurements=[_angle(each) for each in angles if np.isfinite(each.degrees)],
    )
    return _commented(group, [NOT_FOR_DIAGNOSIS, *findings.notes])


def _angle(angle: SpineAngle) -> sr.Measurement:
    return sr.Measurement(
        known.ANGLES[angle.name],
        _rounded(angle.degrees),
        known.DEGREE,
        finding_sites=[_site(level) for level in (angle.upper, angle.lower)],
    )


def _centroids(findings: Findings, source: DicomSource) -> Iterator[Group]:
    """A group for each centroid: its point in the frame of reference, and how certain its level is."""
    naming = findings.naming
    for level, point in findings.landmarks or ():
        certainty = None if naming is None else naming.posterior.get(level)
        said = [INTERPOLATED] if level in findings.interpolated else []
        if naming is not None and level in naming.ranges:
            said.append(f"The level is uncertain: {naming.in_words(level)}.")
        group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            sr.TrackingIdentifier(new_uid(), f"{level} centroid"),
            referenced_region=sr.ImageRegion3D(
                sr.GraphicTypeValues3D.POINT,
                swap_lps_ras(point)[None],
                source.images[0].FrameOfReferenceUID,
            ),
            finding_category=known.STRUCTURE,
            finding_type=level_code(level),
            finding_sites=[_site(level)],
            geometric_purpose=known.CENTRE,
            measurements=None
            if certainty is None
            else [sr.Measurement(known.CERTAINTY, _rounded(100 * certainty), known.PERCENT)],
        )
        yield _commented(group, said)


def _measured(
    measured: SpineMeasurements, source: DicomSource, segmentation: SpineSegmentation | None
) -> Iterator[Group]:
    """A group for each vertebra, and for each disc space below one."""
    below = {disc.upper: disc.lower for disc in measured.discs}
    for row in measurement_frame(measured).to_dict("records"):
        level = str(row["level"])
        vertebral = _quantities(row, known.VERTEBRAL, source)
        group = _group(level, level_code(level), _site(level), vertebral, source, segmentation)
        yield _commented(group, [f"Not measured: {row['problem']}."] if row["problem"] else [])
        if level in below:
            label, code = disc_label(level, below[level]), known.disc_code(level, below[level])
            discal = _quantities(row, known.DISCAL, source)
            yield _group(label, code, sr.FindingSite(code), discal, source, segmentation)


def _quantities(row: Mapping[Any, Any], wanted: Mapping[str, Quantity], source: DicomSource) -> list[sr.Measurement]:
    """The figures of a row that were measured."""
    found = []
    for column, quantity in wanted.items():
        if not pd.isna(row[column]):
            is_mr = source.modality == "MR"
            each = known.in_mr(quantity) if is_mr else quantity
            value = _rounded(float(row[column]))
            found.append(sr.Measurement(each.name, value, each.unit, derivation=each.derivation, method=each.method))
    return found


def _group(
    label: str,
    code: Code,
    site: sr.FindingSite,
    measurements: Sequence[sr.Measurement],
    source: DicomSource,
    segmentation: SpineSegmentation | None,
) -> Group:
    """The group of a structure, which refers to its segment where there is one."""
    number = None if segmentation is None else segmentation.found.number_of(label)
    about: dict[str, Any] = {
        "finding_category": known.STRUCTURE,
        "finding_type": code,
        "finding_sites": [site],
        "measurements": measurements,
    }
    if segmentation is None or number is None:
        return sr.MeasurementsAndQualitativeEvaluations(sr.TrackingIdentifier(new_uid(), label), **about)
    segment = sr.ReferencedSegment(
        segmentation.dataset.SOPClassUID,
        segmentation.dataset.SOPInstanceUID,
        number,
        source_series=sr.SourceSeriesForSegmentation(source.images[0].SeriesInstanceUID),
    )
    tracked = sr.TrackingIdentifier(segmentation.tracking_uids[number - 1], label)
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(tracked, referenced_segment=segment, **about)


def _site(level: str) -> sr.FindingSite:
    """Where a vertebra is; of T13 and L6, which have no code, the part of the spine."""
    return sr.FindingSite(level_region(level) or level_code(level))


def _commented(group: Group, comments: Sequence[str]) -> Group:
    for words in comments:
        item = sr.TextContentItem(known.COMMENT, words, sr.RelationshipTypeValues.CONTAINS)
        group[0].ContentSequence.append(item)
    return group


def _rounded(value: float) -> float:
    return round(value, 4)
