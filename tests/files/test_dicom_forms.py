"""Forms of DICOM: enhanced files of many frames, compressed voxels, several acquisitions in one series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, FileMetaDataset, dcmread, dcmwrite
from pydicom.pixels import pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom import describe
from utility_functions.files.images import read_grid, read_image
from utility_functions.files.manifest import find_cases

SPACING_MM = (0.8, 0.9, 2.5)


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 2000, (6, 5, 8)).astype(np.int16)


def positions(count: int) -> list[list[float]]:
    return [[-50.0, -60.0, 70.0 + SPACING_MM[2] * k] for k in range(count)]


def item(**values: object) -> list[Dataset]:
    """A sequence of one item."""
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return [found]


def write_enhanced(
    path: Path, frames: list[tuple[np.ndarray, list[float]]], modality: str = "CT", **own: list[str]
) -> Path:
    """An enhanced multi-frame file of planes (x, y) of stored values with their positions.

    own: for each frame its value of an attribute of FrameContentSequence.
    """
    dataset = Dataset()
    storage = EnhancedCTImageStorage if modality == "CT" else EnhancedMRImageStorage
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = storage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3.5"
    dataset.Modality, dataset.PatientID, dataset.SeriesInstanceUID = modality, "P1", "1.2.3"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.Columns, dataset.Rows = frames[0][0].shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.NumberOfFrames = len(frames)
    shared = Dataset()
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.PixelMeasuresSequence = item(PixelSpacing=[SPACING_MM[1], SPACING_MM[0]], SliceThickness=SPACING_MM[2])
    if modality == "CT":
        shared.PixelValueTransformationSequence = item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for number, (_, position) in enumerate(frames):
        frame = Dataset()
        frame.PlanePositionSequence = item(ImagePositionPatient=position)
        content = {keyword: values[number] for keyword, values in own.items()}
        frame.FrameContentSequence = item(**content)
        dataset.PerFrameFunctionalGroupsSequence.append(frame)
    dataset.PixelData = np.stack([plane.T for plane, _ in frames]).astype("<i2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, dataset, enforce_file_format=True)
    return path


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("whole", [True, False])
def test_an_enhanced_file_is_one_scan_in_the_order_of_its_frames_places(modality, whole, tmp_path, voxels):
    stored = voxels + 1024 if modality == "CT" else voxels + 1000
    order = np.random.default_rng(1).permutation(8)
    frames = [(stored[:, :, k], positions(8)[k]) for k in order]
    path = write_enhanced(tmp_path / "scan" / "enhanced.dcm", frames, modality)
    volume = read_image(path.parent if whole else path)
    np.testing.assert_array_equal(volume.voxels, voxels if modality == "CT" else stored)
    assert volume.voxels.dtype == np.int16 and volume.grid.axcodes == "LPS"
    np.testing.assert_allclose(volume.grid.spacing_mm, SPACING_MM)
    np.testing.assert_allclose(volume.grid.to_mm((0, 0, 0)), (50, 60, 70))
    assert read_grid(path).same_as(volume.grid)
    assert describe(path)["modality"] == modality
    assert [case.modality for case in find_cases(tmp_path)] == [modality]


@pytest.mark.parametrize("dealt", ["halves", "in turn"])
def test_a_series_split_over_enhanced_files_is_one_scan(dealt, tmp_path, voxels):
    frames = [(voxels[:, :, k] + 1024, positions(8)[k]) for k in range(8)]
    parts = [frames[:3], frames[3:]] if dealt == "halves" else [frames[::2], frames[1::2]]
    paths = [write_enhanced(tmp_path / "scan" / f"{number}.dcm", part) for number, part in enumerate(parts)]
    [case] = find_cases(tmp_path)
    for path in (case.image_path, *paths):
        volume = read_image(path)
        np.testing.assert_array_equal(volume.voxels, voxels)
        np.testing.assert_allclose(volume.grid.to_mm((0, 0, 0)), (50, 60, 70))


def test_enhanced_files_of_a_series_at_the_same_places_are_scans_of_their_own(tmp_path, voxels):
    for number, stored in enumerate((voxels, voxels // 2)):
        write_enhanced(tmp_path / f"{number}.dcm", [(stored[:, :, k], positions(8)[k]) for k in range(8)], "MR")
    first, second = find_cases(tmp_path)
    np.testing.assert_array_equal(read_image(first.image_path).voxels, voxels)
    np.testing.assert_array_equal(read_image(second.image_path).voxels, voxels // 2)
    with pytest.raises(BrokenFile, match="holds 2 series or acquisitions; give one a folder of its own"):
        read_image(tmp_path)


def test_an_enhanced_file_of_two_time_points_is_refused(tmp_path, voxels):
    frames = [(voxels[:, :, k], positions(8)[k]) for k in range(8)] * 2
    path = write_enhanced(tmp_path / "e.dcm", frames, TemporalPositionIndex=[1] * 8 + [2] * 8)
    with pytest.raises(BrokenFile, match=r"holds 2 series or acquisitions; save each as a file of its own"):
        read_image(path)


def test_frames_without_places_are_refused(tmp_path, voxels):
    frames = [(voxels[:, :, k], positions(8)[k]) for k in range(8)]
    path = write_enhanced(tmp_path / "e.dcm", frames)
    dataset = dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence
    dataset.save_as(path)
    with pytest.raises(BrokenFile, match="8 frames in one file without their places"):
        read_image(path)


@pytest.mark.parametrize(
    ("compressor", "syntax"), [("JPEG", JPEGLosslessSV1), ("JPEG2000", JPEG2000Lossless), ("", RLELossless)]
)
def test_compressed_voxels_are_the_same(compressor, syntax, tmp_path, write_series):
    voxels = np.random.default_rng(0).integers(-1000, 2000, (64, 64, 3)).astype(np.int16)  # ITK packs no smaller ones
    for path in write_series(tmp_path, voxels, positions(3), compressor=compressor):
        dataset = dcmread(path)
        if not compressor:
            dataset.compress(syntax)
            dataset.save_as(path)
        assert dataset.file_meta.TransferSyntaxUID == syntax
    volume = read_image(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert volume.voxels.dtype == np.int16


@pytest.mark.parametrize(("syntax", "error"), [(JPEGLSLossless, 0), (JPEGLSNearLossless, 3)])
def test_jpeg_ls_is_decoded(syntax, error, tmp_path, write_series):
    """By python-gdcm, and by whatever pydicom finds beside it."""
    voxels = np.random.default_rng(0).integers(-1000, 2000, (64, 48, 3)).astype(np.int16)
    for path in write_series(tmp_path, voxels, positions(3), intercept="0"):
        dataset = dcmread(path)
        stored = dataset.pixel_array
        dataset.PixelRepresentation = 0
        dataset.PixelData = (stored.astype(np.int32) + 1024).astype("<u2").tobytes()
        dataset.RescaleIntercept = "-1024"
        dataset.compress(syntax, **({"jls_error": error} if error else {}))
        dataset.save_as(path)
        by_gdcm = pixel_array(path, raw=True, decoding_plugin="gdcm").astype(int)
        assert np.abs(by_gdcm - (stored.astype(int) + 1024)).max() <= error
    assert np.abs(read_image(tmp_path).voxels.astype(int) - voxels).max() == error


def test_a_deflated_file_is_read(tmp_path, write_series):
    voxels = np.random.default_rng(0).integers(-1000, 2000, (6, 5, 3)).astype(np.int16)
    for path in write_series(tmp_path, voxels, positions(3)):
        dataset = dcmread(path)
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(path)
    np.testing.assert_array_equal(read_image(tmp_path).voxels, voxels)


def test_bits_that_do_not_belong_to_the_image_are_left_out(tmp_path, write_series):
    """Twelve bits are stored, and the four above hold an overlay."""
    values = np.random.default_rng(0).integers(0, 2**12, (6, 5, 8)).astype(np.uint16)
    for path in write_series(tmp_path, values.astype(np.int16), positions(8), intercept="0"):
        dataset = dcmread(path)
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 0
        dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") | 0xA000).tobytes()
        dataset.save_as(path)
    np.testing.assert_array_equal(read_image(tmp_path).voxels, values)


@pytest.mark.parametrize("keyword", ["AcquisitionNumber", "EchoTime", "TemporalPositionIdentifier"])
def test_acquisitions_at_the_same_places_are_scans_of_their_own(keyword, tmp_path, write_series, voxels):
    for number, values in enumerate((voxels, voxels // 2)):
        for path in write_series(tmp_path, values, positions(8), first=number * 8):
            dataset = dcmread(path)
            setattr(dataset, keyword, number + 1)
            dataset.InstanceNumber = number * 8
            dataset.save_as(path)
    first, second = find_cases(tmp_path)
    np.testing.assert_array_equal(read_image(first.image_path).voxels, voxels)
    np.testing.assert_array_equal(read_image(second.image_path).voxels, voxels // 2)
    with pytest.raises(BrokenFile, match="holds 2 series or acquisitions; give one a folder of its own"):
        read_image(tmp_path)
