"""Structured reports (TID 1500) read back by highdicom, against the measurements' own table, and by dciodvfy."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread

from learning_functions.measure.measurement_files import spine_measurements
from tests.dicom_series import FRAME_OF_REFERENCE, PATIENT, SERIES, STUDY, checker, complaints, write_dicom
from tests.made_findings import GRID, SHAPE, block_findings
from utility_functions.files.dicom_source import dicom_source
from utility_functions.files.images import read_image
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.geometry.volume import Volume
from utility_functions.reporting.dicom_codes import DISCAL, VERTEBRAL, in_mr
from utility_functions.reporting.dicom_objects import write_object
from utility_functions.reporting.dicom_report import NOT_FOR_DIAGNOSIS, spine_report
from utility_functions.reporting.dicom_segmentation import spine_segmentation
from utility_functions.reporting.measurement_frames import measurement_frame


def write_both(folder: Path, modality: str = "CT", segment: bool = True) -> pd.DataFrame:
    """The objects of the blocks as seg.dcm and sr.dcm in ``folder``; returns the table of measurements."""
    volume = Volume(np.full(SHAPE, 150, np.int16), GRID).reoriented("LPS")
    scan = write_dicom(folder / "scan", volume, modality, AccessionNumber="A1")
    source = dicom_source(scan)
    findings = block_findings().placed_on(source.grid)
    measured = spine_measurements(findings, read_image(scan))
    assert measured is not None
    segmentation = spine_segmentation(findings, source) if segment else None
    if segmentation is not None:
        write_object(segmentation.dataset, source, folder / "seg.dcm")
    write_object(spine_report(findings, measured, source, segmentation), source, folder / "sr.dcm")
    return measurement_frame(measured).set_index("level")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("objects")
    return folder, write_both(folder)


def texts(group: hd.sr.Template) -> list[str]:
    return [str(item.value) for item in group[0].ContentSequence if item.ValueType == "TEXT"][1:]


def figures(group: hd.sr.Template) -> dict[tuple[str, str], tuple[float, str]]:
    """Value and unit of each measurement, by its code and derivation."""
    found = {}
    for each in group.get_measurements():
        derivation = "" if each.derivation is None else each.derivation.meaning
        found[each.name.value, derivation] = (float(each.value), each.unit.value)
    return found


def test_centroids_are_points_in_the_frame_of_reference(table: tuple[Path, pd.DataFrame]) -> None:
    report = hd.sr.srread(table[0] / "sr.dcm")
    groups = report.content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == ["L1 centroid", "L2 centroid", "L3 centroid"]
    for group, (level, point) in zip(groups, block_findings().landmarks, strict=True):
        assert group.roi.GraphicType == "POINT" and group.roi.frame_of_reference_uid == FRAME_OF_REFERENCE
        np.testing.assert_allclose(group.roi.value[0], swap_lps_ras(point), atol=1e-3)
        assert [site.topographical_modifier for site in group.finding_sites] == [None]
        assert group.finding_sites[0].value.meaning == f"{level} vertebra"
    assert figures(groups[0]) == {("111012", ""): (90.0, "%")}
    assert texts(groups[1]) == ["The level is uncertain: L1 to L3."]
    assert texts(groups[2]) == ["Not detected, but interpolated between other levels."] and not figures(groups[2])


def test_measurements_are_those_of_the_table_and_refer_to_their_segments(table: tuple[Path, pd.DataFrame]) -> None:
    folder, rows = table
    report, segmentation = hd.sr.srread(folder / "sr.dcm"), hd.seg.segread(folder / "seg.dcm")
    groups = {each.tracking_identifier: each for each in report.content.get_volumetric_roi_measurement_groups()}
    assert list(groups) == ["L1", "L2", "L3"]
    for level, group in groups.items():
        expected = {
            (quantity.name.value, quantity.derivation.meaning if quantity.derivation else ""): (
                pytest.approx(float(rows.loc[level, column]), abs=1e-4),
                quantity.unit.value,
            )
            for column, quantity in VERTEBRAL.items()
            if not pd.isna(rows.loc[level, column])
        }
        assert figures(group) == expected
        segment = group.referenced_segment
        assert segment.referenced_sop_instance_uid == segmentation.SOPInstanceUID
        description = segmentation.get_segment_description(segment.referenced_segment_numbers[0])
        assert (description.SegmentLabel, description.TrackingUID) == (level, group.tracking_uid)
    assert len(figures(groups["L1"])) == len(VERTEBRAL)
    assert figures(groups["L1"])["112031", "Mean"] == (150.0, "[hnsf'U]")
    assert list(figures(groups["L3"])) == [("118565006", "")]
    assert "Not measured: truncated by the field of view." in texts(groups["L3"])


def test_disc_spaces_are_groups_of_their_own(table: tuple[Path, pd.DataFrame]) -> None:
    folder, rows = table
    groups = hd.sr.srread(folder / "sr.dcm").content.get_image_measurement_groups()
    spine, disc = groups
    assert (spine.tracking_identifier, disc.tracking_identifier) == ("spine", "disc L1/L2")
    assert disc.finding_sites[0].value.value == "80064006"
    for column, quantity in DISCAL.items():
        assert figures(disc)[quantity.name.value, ""][0] == pytest.approx(rows.loc["L1", column], abs=1e-4)
    assert NOT_FOR_DIAGNOSIS in texts(spine) and "Some levels may be wrong: 9 %." in texts(spine)
    [angle] = spine.get_measurements()
    assert angle.name.value == "285285000" and angle.unit.value == "deg"
    assert [site.value.meaning for site in angle.finding_sites] == ["L1 vertebra", "L2 vertebra"]


def test_the_report_sorts_into_the_study_and_names_what_it_is_about(table: tuple[Path, pd.DataFrame]) -> None:
    found = dcmread(table[0] / "sr.dcm")
    assert {name: str(found[name].value) for name in PATIENT} == {**PATIENT, "AccessionNumber": "A1"}
    assert (found.StudyInstanceUID, found.Modality, found.SeriesNumber) == (STUDY, "SR", 4002)
    segmentation = dcmread(table[0] / "seg.dcm")
    assert len({SERIES, found.SeriesInstanceUID, segmentation.SeriesInstanceUID}) == 3
    evidence = [
        instance.ReferencedSOPInstanceUID
        for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")
        for study in found.get(name, [])
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]
    assert len(evidence) == SHAPE[2] + 1 and segmentation.SOPInstanceUID in evidence
    assert found.VerificationFlag == "UNVERIFIED"
    [scheme] = found.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99SPINELEVELS"


@pytest.mark.skipif(checker() is None, reason="dciodvfy is not installed (apt install dicom3tools)")
@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("segment", [True, False])
def test_dciodvfy_has_no_complaint(segment: bool, modality: str, tmp_path: Path) -> None:
    write_both(tmp_path, modality, segment)
    assert complaints(tmp_path / "sr.dcm") == []


def test_without_a_segmentation_the_measurements_refer_to_none(tmp_path: Path) -> None:
    write_both(tmp_path, segment=False)
    content = hd.sr.srread(tmp_path / "sr.dcm").content
    assert content.get_volumetric_roi_measurement_groups() == []
    names = [group.tracking_identifier for group in content.get_image_measurement_groups()]
    assert names == ["spine", "L1", "disc L1/L2", "L2", "L3"]


def test_in_mr_intensities_are_no_hounsfield_units(tmp_path: Path) -> None:
    write_both(tmp_path, "MR")
    content = hd.sr.srread(tmp_path / "sr.dcm").content
    [first, *_] = content.get_volumetric_roi_measurement_groups()
    assert figures(first)["110852", "Mean"] == (150.0, "[arb'U]")
    assert in_mr(VERTEBRAL["wedge_deg"]) == VERTEBRAL["wedge_deg"]


def test_nothing_found_is_a_report_of_notes(tmp_path: Path) -> None:
    scan = write_dicom(tmp_path / "scan", Volume(np.zeros((5, 6, 7), np.int16), GRID.window((0, 0, 0), (5, 6, 7))))
    source = dicom_source(scan)
    findings = block_findings().having(landmarks=None, instances=None, detection=None, naming=None, notes=("None.",))
    write_object(spine_report(findings, None, source), source, tmp_path / "sr.dcm")
    [group] = hd.sr.srread(tmp_path / "sr.dcm").content.get_image_measurement_groups()
    assert "None." in texts(group)
