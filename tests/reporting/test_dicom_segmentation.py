"""DICOM Segmentations read back by highdicom, by rules as 3D Slicer's, and checked by dciodvfy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset, dcmread

from tests.dicom_series import FRAME_OF_REFERENCE, PATIENT, SERIES, STUDY, checker, complaints, write_dicom
from tests.made_findings import some_labels
from utility_functions.anatomy.labels import VERSE_IDS, name_of_verse_id
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom_source import dicom_source
from utility_functions.files.images import read_grid, read_image, read_label_map, write_image
from utility_functions.files.provenance import is_prediction
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import BodyMap, VertebraMap
from utility_functions.reporting.dicom_objects import write_object
from utility_functions.reporting.dicom_segmentation import spine_segmentation

pytestmark = pytest.mark.filterwarnings("ignore:The value length:UserWarning")  # an accession number of 21

SHAPE, SPACING = (9, 8, 6), (0.8, 0.9, 2.5)
TURN = np.array([[0.96, -0.28, 0.0], [0.28 * 0.8, 0.96 * 0.8, -0.6], [0.28 * 0.6, 0.96 * 0.6, 0.8]])
STORAGES = {
    "axial": "LPS",
    "axial, reversed": "LPI",
    "sagittal": "PIL",
    "sagittal, reversed": "PIR",
    "coronal": "LIP",
    "oblique": "oblique",
    "oblique, reversed": "oblique reversed",
}


def grid_of(storage: str) -> Grid:
    if not storage.startswith("oblique"):
        return Grid.from_spacing(SHAPE, SPACING, (-20.5, 31.25, 400.125), storage)
    affine = np.eye(4)
    affine[:3, :3] = swap_lps_ras(TURN.T).T * SPACING * (1, 1, -1 if "reversed" in storage else 1)
    affine[:3, 3] = (-20.5, 31.25, 400.125)
    return Grid(SHAPE, affine)


def scan_on(grid: Grid) -> Volume:
    return Volume(np.random.default_rng(0).integers(-1000, 1000, grid.shape).astype(np.int16), grid)


def written(folder: Path, kind: type[VertebraMap] | type[BodyMap] = VertebraMap) -> tuple[Path, Path]:
    """The segmentation of levels on a scan, and the same label map as NIfTI."""
    grid = read_grid(folder)
    labels = kind(some_labels(grid).voxels, grid)
    source = dicom_source(folder)
    found = spine_segmentation(Findings("scan", grid, instances=labels), source, ["detection", "panoptic"])
    assert found is not None
    paths = folder.parent / "scan_seg.dcm", folder.parent / "scan_vertebrae.nii.gz"
    write_object(found.dataset, source, paths[0])
    write_image(labels, paths[1])
    return paths


def in_world(path: Path) -> dict[tuple[float, ...], int]:
    """The VerSe id of each labelled place of a segmentation, in RAS+ mm to a tenth, as highdicom reads it."""
    segmentation = hd.seg.segread(path)
    volume = segmentation.get_volume(combine_segments=True, allow_missing_positions=True)
    names = {each.SegmentNumber: each.SegmentLabel for each in segmentation.SegmentSequence}
    index = np.argwhere(volume.array > 0)
    points = swap_lps_ras(index @ volume.affine[:3, :3].T + volume.affine[:3, 3])
    ids = [VERSE_IDS["S1" if (name := names[n]) == "sacrum" else name] for n in volume.array[tuple(index.T)].tolist()]
    return dict(zip(map(tuple, np.round(points, 1).tolist()), ids, strict=True))


def labelled_places(path: Path) -> dict[tuple[float, ...], int]:
    labels = read_label_map(path)
    index = np.argwhere(labels.voxels > 0)
    points = np.round(labels.grid.to_mm(index), 1) + 0.0
    return dict(zip(map(tuple, points.tolist()), labels.voxels[tuple(index.T)].tolist(), strict=True))


def require_equal(one: dict[tuple[float, ...], int], other: dict[tuple[float, ...], int]) -> float:
    """The largest distance in mm between places that bear the same number; infinite where counts differ."""
    farthest = 0.0
    for number in {*one.values(), *other.values()}:
        sets = [np.array([place for place, value in each.items() if value == number]) for each in (one, other)]
        if sets[0].shape != sets[1].shape:
            return float("inf")
        distances = np.linalg.norm(sets[0][:, None] - sets[1][None], axis=2)
        farthest = max(farthest, float(distances.min(axis=1).max()), float(distances.min(axis=0).max()))
    return farthest


@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("storage", STORAGES.values(), ids=STORAGES.keys())
def test_highdicom_reads_each_label_where_nifti_has_it(
    storage: str, modality: str, enhanced: bool, tmp_path: Path
) -> None:
    order = np.random.default_rng(1).permutation(SHAPE[2])
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of(storage)), modality, enhanced, order)
    segmentation, labels = written(folder)
    assert len(labelled_places(labels)) > 100
    assert require_equal(in_world(segmentation), labelled_places(labels)) < 0.2


@pytest.mark.parametrize("storage", ["LPS", "PIR", "oblique"])
def test_each_frame_lies_on_the_image_that_it_names(storage: str, tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of(storage)))
    path, _ = written(folder)
    places = {(image := dcmread(file)).SOPInstanceUID: image for file in folder.iterdir()}
    found = dcmread(path)
    for frame in found.PerFrameFunctionalGroupsSequence:
        [named] = frame.DerivationImageSequence[0].SourceImageSequence
        image = places[named.ReferencedSOPInstanceUID]
        assert named.SpatialLocationsPreserved == "YES"
        np.testing.assert_allclose(
            frame.PlanePositionSequence[0].ImagePositionPatient, image.ImagePositionPatient, atol=1e-6
        )
    shared = found.SharedFunctionalGroupsSequence[0]
    np.testing.assert_allclose(
        shared.PlaneOrientationSequence[0].ImageOrientationPatient, image.ImageOrientationPatient, atol=1e-9
    )
    assert (found.Rows, found.Columns) == (SHAPE[1], SHAPE[0])
    pixels = hd.seg.segread(path).get_pixels_by_source_instance(
        [image.SOPInstanceUID], combine_segments=True, assert_missing_frames_are_empty=True
    )
    assert pixels.shape == (1, SHAPE[1], SHAPE[0])


def test_each_frame_of_an_enhanced_file_names_its_frame(tmp_path: Path) -> None:
    order = np.random.default_rng(2).permutation(SHAPE[2])
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of("LPS")), "MR", True, order)
    path, _ = written(folder)
    frames = dcmread(folder / "enhanced.dcm").PerFrameFunctionalGroupsSequence
    for frame in dcmread(path).PerFrameFunctionalGroupsSequence:
        [named] = frame.DerivationImageSequence[0].SourceImageSequence
        source = frames[named.ReferencedFrameNumber - 1].PlanePositionSequence[0].ImagePositionPatient
        np.testing.assert_allclose(frame.PlanePositionSequence[0].ImagePositionPatient, source, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [{"tilt": 0.4}, {"without": (3,)}, {"files": 2}],
    ids=["a tilted gantry", "a missing slice, filled", "enhanced files that share the slices"],
)
@pytest.mark.parametrize("enhanced", [False, True])
def test_a_scan_whose_slices_are_not_those_of_its_images_has_places_of_its_own(
    changes: dict[str, Any], enhanced: bool, tmp_path: Path
) -> None:
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of("LPS")), enhanced=enhanced, **changes)
    assert read_image(folder).grid.shape[2] == SHAPE[2]
    path, labels = written(folder)
    assert require_equal(in_world(path), labelled_places(labels)) < 0.2
    found = dcmread(path)
    assert found.FrameOfReferenceUID == FRAME_OF_REFERENCE
    [series] = found.ReferencedSeriesSequence
    assert len(series.ReferencedInstanceSequence) == len(list(folder.iterdir()))


def slicer_problems(found: Dataset) -> list[str]:
    """What keeps a program such as 3D Slicer from showing a segmentation with names and beside its scan."""
    problems = []
    if found.get("Modality") != "SEG" or found.get("SegmentationType") != "BINARY":
        problems.append("is no binary segmentation")
    if not found.get("ReferencedSeriesSequence") or not found.ReferencedSeriesSequence[0].get("SeriesInstanceUID"):
        problems.append("names no source series")
    if [each.SegmentNumber for each in found.SegmentSequence] != list(range(1, len(found.SegmentSequence) + 1)):
        problems.append("numbers are not 1, 2, ..")
    for each in found.SegmentSequence:
        triplets = [each.SegmentedPropertyCategoryCodeSequence, each.SegmentedPropertyTypeCodeSequence]
        triplets.append(each.get("AnatomicRegionSequence") or each.SegmentedPropertyTypeCodeSequence)
        for [triplet] in triplets:
            if not all(triplet.get(part) for part in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")):
                problems.append(f"{each.SegmentLabel}: a code is not whole")
        if len(each.get("RecommendedDisplayCIELabValue", ())) != 3 or not each.get("SegmentAlgorithmName"):
            problems.append(f"{each.SegmentLabel}: no colour, or no algorithm")
    numbers = {each.SegmentNumber for each in found.SegmentSequence}
    shared = found.SharedFunctionalGroupsSequence[0]
    for frame in found.PerFrameFunctionalGroupsSequence:
        group = frame if "SegmentIdentificationSequence" in frame else shared
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber not in numbers:
            problems.append("a frame of no segment")
    if not all(name in shared for name in ("PlaneOrientationSequence", "PixelMeasuresSequence")):
        problems.append("no geometry")
    return problems


def test_segments_have_codes_colours_and_the_algorithm(tmp_path: Path) -> None:
    path, _ = written(write_dicom(tmp_path / "scan", scan_on(grid_of("LPS"))))
    found = dcmread(path)
    assert slicer_problems(found) == []
    kinds = {each.SegmentLabel: each.SegmentedPropertyTypeCodeSequence[0] for each in found.SegmentSequence}
    codes = {label: (kind.CodeValue, kind.CodingSchemeDesignator, kind.CodeMeaning) for label, kind in kinds.items()}
    assert codes == {
        "L1": ("66794005", "SCT", "L1 vertebra"),
        "L2": ("14293000", "SCT", "L2 vertebra"),
        "sacrum": ("54735007", "SCT", "Sacrum"),
        "L6": ("51282000", "SCT", "Vertebra"),
        "T13": ("51282000", "SCT", "Vertebra"),
    }
    regions = {
        each.SegmentLabel: each.AnatomicRegionSequence[0].CodeMeaning
        for each in found.SegmentSequence
        if "AnatomicRegionSequence" in each
    }
    assert regions == {"L6": "Lumbar spine", "T13": "Thoracic spine"}
    first = found.SegmentSequence[0]
    assert first.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning == "Anatomical Structure"
    [algorithm] = first.SegmentationAlgorithmIdentificationSequence
    assert (first.SegmentAlgorithmType, algorithm.AlgorithmName) == ("AUTOMATIC", "spine-levels")
    assert algorithm.AlgorithmVersion and algorithm.AlgorithmParameters == "models=detection panoptic"
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodeMeaning == "Artificial Intelligence"
    assert len({each.TrackingUID for each in found.SegmentSequence}) == 5
    assert found.SegmentsOverlap == "NO"


def test_masks_of_bodies_alone_say_so(tmp_path: Path) -> None:
    path, _ = written(write_dicom(tmp_path / "scan", scan_on(grid_of("LPS"))), BodyMap)
    about = {each.SegmentLabel: each.get("SegmentDescription") for each in dcmread(path).SegmentSequence}
    assert about["L1"] == "Vertebral body without processes" and about["sacrum"] is None


def test_it_sorts_into_the_study_of_its_patient_as_a_new_series(tmp_path: Path) -> None:
    path, _ = written(write_dicom(tmp_path / "scan", scan_on(grid_of("LPS"))))
    found = dcmread(path)
    assert {name: str(found[name].value) for name in PATIENT} == PATIENT
    assert found.StudyInstanceUID == STUDY and found.FrameOfReferenceUID == FRAME_OF_REFERENCE
    assert found.SeriesInstanceUID != SERIES and found.SeriesNumber == 4001
    assert found.ReferencedSeriesSequence[0].SeriesInstanceUID == SERIES
    assert is_prediction(path) and not is_prediction(path.parent / "scan" / "000.dcm")
    again = dcmread(written(path.parent / "scan")[0])
    assert again.SOPInstanceUID != found.SOPInstanceUID and again.SeriesInstanceUID != found.SeriesInstanceUID


@pytest.mark.skipif(checker() is None, reason="dciodvfy is not installed (apt install dicom3tools)")
@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("tilt", [0.0, 0.4])
def test_dciodvfy_has_no_complaint(tilt: float, modality: str, enhanced: bool, tmp_path: Path) -> None:
    changes = {"AccessionNumber": "A1"}
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of("LPS")), modality, enhanced, tilt=tilt, **changes)
    assert complaints(written(folder)[0]) == []


@pytest.mark.parametrize("missing", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"])
def test_images_that_cannot_be_referred_to_are_refused(missing: str, tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of("LPS")), **{missing: ""})
    with pytest.raises(BrokenFile, match=f"DICOM output needs {missing}, which its images lack"):
        dicom_source(folder)


def test_images_of_a_private_class_are_refused(tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of("LPS")), SOPClassUID="1.3.12.2.1107.5.9.1")
    with pytest.raises(BrokenFile, match="images of a class of the standard, but theirs is private"):
        dicom_source(folder)


def test_images_that_share_a_uid_are_refused(tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of("LPS")), SOPInstanceUID="1.2.3.4.99")
    with pytest.raises(BrokenFile, match="two share one"):
        dicom_source(folder)


def test_uids_and_directions_that_scanners_write_wrongly_are_taken(tmp_path: Path) -> None:
    """A UID with a leading zero, a series number beyond any, a patient's sex of two letters."""
    wrong = {"StudyInstanceUID": "1.02.3", "SeriesNumber": "2147483647", "PatientSex": "XX"}
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of("LPS")), **wrong)
    found = dcmread(written(folder)[0])
    assert (found.StudyInstanceUID, found.PatientSex, found.SeriesNumber) == ("1.02.3", "XX", 9001)


def test_lossy_compression_of_the_images_is_told_on(tmp_path: Path) -> None:
    lossy = {
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": "7.5",
        "LossyImageCompressionMethod": "ISO_14495_1",
    }
    found = dcmread(written(write_dicom(tmp_path / "scan", scan_on(grid_of("LPS")), **lossy))[0])
    assert {name: str(found[name].value) for name in lossy} == lossy
    found = dcmread(written(write_dicom(tmp_path / "sharp" / "scan", scan_on(grid_of("LPS"))))[0])
    assert found.LossyImageCompression == "00" and "LossyImageCompressionRatio" not in found


def test_nothing_found_gives_no_segmentation(tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "scan", scan_on(grid_of("LPS")))
    grid = read_grid(folder)
    assert spine_segmentation(Findings("scan", grid), dicom_source(folder)) is None
    assert name_of_verse_id(VERSE_IDS["L6"]) == "L6"
