"""The images of a DICOM scan as objects made from it refer to them: UIDs, places, and whose they are.

Patient and study are kept as the bytes that stand in the header, so that no message quotes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom import is_dicom, is_series
from utility_functions.files.dicom_folder import dicom_files, slices_at
from utility_functions.files.dicom_header import STORAGE, numbers_of, read_header, text_of
from utility_functions.files.dicom_stack import Slice, Stack, stacked
from utility_functions.files.images import suffix_of
from utility_functions.geometry.grid import Grid

REFERENCES = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
"""What an image must have to be referred to."""
OWNERS = (
    *("SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("PatientIdentityRemoved", "DeidentificationMethod"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName", "StudyDescription"),
)
"""The attributes of patient and study that an object made from a scan takes over, with the UID of the study."""
LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
"""What an object made from lossily compressed images must tell on."""
_UNKNOWN = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber")
_FAR_MM = 1e6
"""Where a frame is said to lie that is none of the scan's: away from all of its slices."""


@dataclass(frozen=True, eq=False)
class DicomSource:
    """The images that a scan was read from.

    grid: of the scan as it is read, in RAS+ mm. modality: "CT", "MR" or another of DICOM's codes.
    images: a data set for each file with its UIDs and places, and nothing of the patient.
    order: (n,) for each image, or each frame of the one image, its slice along the grid's third axis. None where the
        slices of the grid are not those of the images, as with a tilted gantry.
    owners: patient and study by tag, as bytes of an explicit little-endian file.
    """

    path: Path
    grid: Grid
    modality: str
    series_number: int
    images: tuple[Dataset, ...]
    order: NDArray[np.intp] | None
    owners: Mapping[int, RawDataElement]


def is_dicom_scan(path: Path) -> bool:
    """Whether an image is one of DICOM: a folder of slices, or one of its files."""
    if path.is_dir():
        return is_series(path)
    return path.is_file() and suffix_of(path) is None and is_dicom(path)


def require_references(path: Path) -> None:
    """Raise a BrokenFile where the first image of a DICOM scan lacks what it takes to refer to it."""
    for file in dicom_files(path) if path.is_dir() else (path,):
        header = read_header(file)
        if "Rows" in header:
            _uids(path, header)
            return


def dicom_source(path: Path) -> DicomSource:
    """The images of the DICOM scan at ``path``, a folder or one of its files. Raises: BrokenFile."""
    stack = stacked(path, slices_at(path))
    files = list(dict.fromkeys(one.path for one in stack.slices))
    headers = {file: read_header(file) for file in files}
    uids = [_uids(path, header) for header in headers.values()]
    if len({each["SOPInstanceUID"] for each in uids}) < len(uids):
        raise BrokenFile(f"{path}: DICOM output needs images with UIDs of their own, but two share one.")
    if len({tuple(each[name] for name in REFERENCES[2:]) for each in uids}) > 1:
        raise BrokenFile(f"{path}: DICOM output needs images of one study, series and frame of reference.")
    first = headers[files[0]]
    images = [_image(stack, files[k], header, uids[k]) for k, header in enumerate(headers.values())]
    return DicomSource(
        path,
        stack.grid,
        text_of(first, "Modality"),
        stack.slices[0].series_number,
        tuple(images),
        _order(stack, images),
        _owners(first),
    )


def _uids(path: Path, header: Dataset) -> dict[str, str]:
    found = {name: text_of(header, name) for name in REFERENCES}
    if missing := [name for name, uid in found.items() if not uid]:
        raise BrokenFile(f"{path}: DICOM output needs {', '.join(missing)}, which its images lack.")
    if not found["SOPClassUID"].startswith(STORAGE):
        raise BrokenFile(f"{path}: DICOM output needs images of a class of the standard, but theirs is private.")
    return found


def _order(stack: Stack, images: Sequence[Dataset]) -> NDArray[np.intp] | None:
    """For each image or frame its slice; None where the slices were made regular or are a part of the frames."""
    count = stack.grid.shape[2]
    if stack.leaning is not None or not np.array_equal(stack.places, np.arange(count)):
        return None
    frames = [one.frame for one in stack.slices if one.frame is not None]
    if not frames:
        return np.arange(count)
    whole = len(images) == 1 and len(frames) == int(images[0].NumberOfFrames)
    return np.argsort(np.array(frames)) if whole else None


def _image(stack: Stack, file: Path, header: Dataset, uids: Mapping[str, str]) -> Dataset:
    """What is told of one file: UIDs, and the places of its image or frames as its header writes them."""
    own = [one for one in stack.slices if one.path == file]
    found = Dataset()
    for name, uid in uids.items():
        setattr(found, name, uid)
    found.Modality, found.PositionReferenceIndicator = text_of(header, "Modality"), ""
    found.Columns, found.Rows = own[0].shape
    for name in _UNKNOWN:
        setattr(found, name, "")
    found.StudyDate = found.StudyTime = found.ReferringPhysicianName = None
    if text_of(header, LOSSY[0]) == "01":
        for name in LOSSY:
            setattr(found, name, text_of(header, name).split("\\"))
    first = stack.slices[0]  # all slices are parallel; the last digits of their directions may differ
    directions = _decimals(() if first.directions is None else first.directions.ravel())
    measures = Dataset()
    across, down = first.spacing_mm or (1.0, 1.0)
    measures.PixelSpacing = _decimals((down, across))
    measures.SliceThickness = _decimals([_thickness_mm(header, stack)])[0]
    measures.SpacingBetweenSlices = _decimals([stack.grid.spacing_mm[2]])[0]
    if own[0].frame is None:
        found.update(measures)
        found.ImageOrientationPatient, found.ImagePositionPatient = directions, _position(own[0])
        return found
    shared, orientation = Dataset(), Dataset()
    orientation.ImageOrientationPatient = directions
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    found.SharedFunctionalGroupsSequence = [shared]
    by_frame = {one.frame: one for one in own}
    found.NumberOfFrames = len(header["PerFrameFunctionalGroupsSequence"].value)
    groups = []
    for number in range(found.NumberOfFrames):
        place, group = Dataset(), Dataset()
        known = by_frame.get(number)
        place.ImagePositionPatient = _decimals((0, 0, _FAR_MM + number)) if known is None else _position(known)
        group.PlanePositionSequence = [place]
        groups.append(group)
    found.PerFrameFunctionalGroupsSequence = groups
    return found


def _thickness_mm(header: Dataset, stack: Stack) -> float:
    """The thickness of slices that a header tells; else their distance."""
    try:
        told = numbers_of(stack.slices[0].path, header, "SliceThickness", 1)
    except BrokenFile:
        told = None
    return stack.grid.spacing_mm[2] if told is None or told[0] <= 0 else float(told[0])


def _position(one: Slice) -> list[str]:
    return _decimals(() if one.position_mm is None else one.position_mm)


def _decimals(numbers: Sequence[float] | NDArray[np.float64]) -> list[str]:
    """Numbers as DICOM writes them, in no more than 16 characters."""
    found = []
    for number in map(float, numbers):
        digits = next(digits for digits in range(17, 0, -1) if len(f"{number:.{digits}g}") <= 16)
        found.append(f"{number:.{digits}g}")
    return found


def _owners(header: Dataset) -> dict[int, RawDataElement]:
    """Patient and study as they stand in a header; a character set that nobody knows is left out."""
    found = {}
    for keyword in OWNERS:
        tag = Tag(tag_for_keyword(keyword) or 0)
        if tag not in header:
            continue
        text = text_of(header, keyword)
        if keyword == "SpecificCharacterSet" and any(each.strip() not in python_encoding for each in text.split("\\")):
            continue
        element = header.get_item(tag)
        value = (element.value if isinstance(element, RawDataElement) else text.encode("utf-8")) or b""
        value += b" " * (len(value) % 2)
        found[int(tag)] = RawDataElement(tag, dictionary_VR(tag), len(value), value, 0, False, True)
    return found
