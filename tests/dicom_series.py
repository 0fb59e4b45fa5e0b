"""DICOM series with all that other objects need to refer to them: classic files of one slice, or one enhanced file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, FileMetaDataset, dcmwrite
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian
from pydicom.uid import MRImageStorage as ClassicMRImageStorage

from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.geometry.volume import Volume

STUDY, SERIES, FRAME_OF_REFERENCE = "1.2.3.1", "1.2.3.2", "1.2.3.3"
KINDS = {
    ("CT", False): CTImageStorage,
    ("MR", False): ClassicMRImageStorage,
    ("CT", True): EnhancedCTImageStorage,
    ("MR", True): EnhancedMRImageStorage,
}
PATIENT = {
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": "Müller^Ännchen",
    "PatientID": "P-77",
    "PatientBirthDate": "19500102",
    "PatientSex": "F",
    "StudyDate": "20250304",
    "StudyTime": "101112",
    "StudyID": "S1",
    "AccessionNumber": "A-1234567890123456789",  # longer than DICOM permits, as some hospitals' are
    "ReferringPhysicianName": "Referrer^Rita",
    "StudyDescription": "Spine",
}


def write_dicom(
    folder: Path,
    volume: Volume,
    modality: str = "CT",
    enhanced: bool = False,
    order: np.ndarray | None = None,
    tilt: float = 0.0,
    without: tuple[int, ...] = (),
    files: int = 1,
    **changes: str | list[str],
) -> Path:
    """Voxels on any right-angled grid, the first axis along the rows, as slices along its third axis.

    order: of the files or frames. tilt: mm by which each slice lies farther down its columns than the one before.
    without: slices that are not written. files: over how many enhanced ones the frames are dealt in turn.
    changes: values of attributes of every file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    affine, spacing = swap_lps_ras(volume.grid.affine), volume.grid.spacing_mm
    directions = [f"{value:.10f}" for value in np.concatenate([affine[:3, 0] / spacing[0], affine[:3, 1] / spacing[1]])]
    slices = [k for k in range(volume.grid.shape[2]) if k not in without]
    slices = slices if order is None else [slices[k] for k in order]
    lean = tilt * affine[:3, 1] / spacing[1]
    places = {k: [f"{value:.6f}" for value in affine[:3, 3] + k * (affine[:3, 2] + lean)] for k in slices}
    measures = {"PixelSpacing": [spacing[1], spacing[0]], "SliceThickness": spacing[2]}
    planes = {k: np.ascontiguousarray(volume.voxels[:, :, k].T.astype("<i2")).tobytes() for k in slices}
    for number in range(files if enhanced else 0):
        dataset = described(volume, modality, True, f"1.2.3.4.0.{number + 1}", **changes)
        shared, own = Dataset(), slices[number::files]
        shared.PixelMeasuresSequence = [made(**measures)]
        dataset.SharedFunctionalGroupsSequence, dataset.NumberOfFrames = [shared], len(own)
        frames = [
            made(
                PlanePositionSequence=[made(ImagePositionPatient=places[k])],
                PlaneOrientationSequence=[made(ImageOrientationPatient=directions)],
                FrameContentSequence=[Dataset()],
            )
            for k in own
        ]
        dataset.PerFrameFunctionalGroupsSequence = frames
        dataset.PixelData = b"".join(planes[k] for k in own)
        name = "enhanced.dcm" if files == 1 else f"enhanced{number}.dcm"
        dcmwrite(folder / name, dataset, enforce_file_format=True)
    if enhanced:
        return folder
    for number, k in enumerate(slices):
        dataset = described(volume, modality, False, f"1.2.3.4.{k + 1}", **changes)
        dataset.update(made(**measures, ImageOrientationPatient=directions, ImagePositionPatient=places[k]))
        dataset.PixelData = planes[k]
        dcmwrite(folder / f"{number:03d}.dcm", dataset, enforce_file_format=True)
    return folder


def made(**values: Any) -> Dataset:
    """A data set of these attributes."""
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


def described(volume: Volume, modality: str, enhanced: bool, instance: str, **changes: str | list[str]) -> Dataset:
    """A file without its pixels and places."""
    values = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES, "FrameOfReferenceUID": FRAME_OF_REFERENCE}
    values |= {"Modality": modality, "SeriesNumber": "4", "InstanceNumber": "1", "SOPInstanceUID": instance}
    values |= {"SOPClassUID": KINDS[modality, enhanced], "PhotometricInterpretation": "MONOCHROME2"}
    found = made(**{**PATIENT, **values, **changes})
    found.ImageType = changes.get("ImageType", ["ORIGINAL", "PRIMARY", "AXIAL"])
    found.Columns, found.Rows = volume.grid.shape[:2]
    found.SamplesPerPixel, found.PixelRepresentation = 1, 1
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 16, 15
    if modality == "CT" and not enhanced:
        found.RescaleSlope, found.RescaleIntercept = 1, 0
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = KINDS[modality, enhanced]
    found.file_meta.MediaStorageSOPInstanceUID = instance
    return found


def checker() -> str | None:
    """The path of dciodvfy (Debian's dicom3tools), None where it is not installed."""
    return shutil.which("dciodvfy")


def complaints(path: Path) -> list[str]:
    """The errors and warnings of dciodvfy about a file, without those about codes of our own."""
    done = subprocess.run(
        [str(checker()), "-new", str(path)], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    found = [line for line in lines if line.startswith(("Error", "Warning"))]
    return [line for line in found if "Unrecognized defined term = <99SPINELEVELS>" not in line]
