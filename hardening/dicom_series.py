"""A volume as a DICOM series, one file a slice, in whatever orientation its grid has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, FileMetaDataset, dcmwrite
from pydicom.uid import UID, CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian

from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.geometry.volume import Volume


def write_series(folder: Path, volume: Volume, series: str = "1.2.3.4") -> list[Path]:
    """Columns, rows and slices are the array's axes; a grid that leans along its slices is written as gantry tilt.

    Slices follow each other along row x column, as every reader takes them; a left-handed grid is turned over first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    affine = swap_lps_ras(volume.grid.affine)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    row, column = (affine[:3, axis] / spacing[axis] for axis in (0, 1))
    paths = []
    for k in range(volume.grid.shape[2]):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = UID(f"{series}.{k + 1}")
        dataset.SeriesInstanceUID, dataset.StudyInstanceUID = series, "1.2.3"
        dataset.PatientID, dataset.Modality, dataset.ImageType = "P1", "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.SeriesNumber, dataset.InstanceNumber = 1, k + 1
        dataset.ImageOrientationPatient = [f"{value:.10f}" for value in (*row, *column)]
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in affine[:3, 3] + k * affine[:3, 2]]
        dataset.PixelSpacing = [f"{spacing[1]:.6f}", f"{spacing[0]:.6f}"]
        dataset.Columns, dataset.Rows = volume.grid.shape[:2]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
        dataset.PixelData = np.ascontiguousarray(volume.voxels[:, :, k].T.astype("<i2")).tobytes()
        paths.append(folder / f"{k:04d}.dcm")
        dcmwrite(paths[-1], dataset, enforce_file_format=True)
    return paths


def write_enhanced(path: Path, volume: Volume) -> None:
    """The volume as one enhanced multi-frame CT, with what all frames share and what each has of its own."""
    affine = swap_lps_ras(volume.grid.affine)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    row, column = (affine[:3, axis] / spacing[axis] for axis in (0, 1))
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = EnhancedCTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = UID("1.2.3.5")
    dataset.Modality, dataset.PatientID, dataset.SeriesInstanceUID = "CT", "P1", "1.2.3.6"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.Columns, dataset.Rows, dataset.NumberOfFrames = volume.grid.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    shared = Dataset()
    shared.PlaneOrientationSequence = _item(
        ImageOrientationPatient=[f"{value:.10f}" for value in (*row.tolist(), *column.tolist())]
    )
    shared.PixelMeasuresSequence = _item(
        PixelSpacing=[f"{spacing[1]:.6f}", f"{spacing[0]:.6f}"], SliceThickness=f"{spacing[2]:.6f}"
    )
    shared.PixelValueTransformationSequence = _item(RescaleSlope="1", RescaleIntercept="0", RescaleType="HU")
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for k in range(volume.grid.shape[2]):
        frame = Dataset()
        position = [f"{value:.6f}" for value in (affine[:3, 3] + k * affine[:3, 2]).tolist()]
        frame.PlanePositionSequence = _item(ImagePositionPatient=position)
        frame.FrameContentSequence = _item(StackID="1", InStackPositionNumber=k + 1)
        dataset.PerFrameFunctionalGroupsSequence.append(frame)
    dataset.PixelData = np.ascontiguousarray(volume.voxels.T.astype("<i2")).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, dataset, enforce_file_format=True)


def _item(**elements: Any) -> list[Dataset]:
    """A sequence of one item."""
    item = Dataset()
    for name, value in elements.items():
        setattr(item, name, value)
    return [item]
