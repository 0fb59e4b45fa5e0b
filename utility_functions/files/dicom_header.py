"""The headers of DICOM files by pydicom: what a file says of each image in it.

Values are taken as the bytes that stand there, so that no message of pydicom quotes them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom_bounds import require_bounded
from utility_functions.files.dicom_stack import Slice

COLOURS = ("PALETTE COLOR", "RGB", "YBR")
"""The beginnings of photometric interpretations whose numbers are colours, no intensities."""
NO_IMAGES = ("11.", "66.", "67.", "88.", "104.", *(f"481.{kind}" for kind in ("2", "3", "4", "5", "6", "7", "8", "9")))
"""Storage classes, behind STORAGE, that hold no image: views, segments, reports, documents, plans of radiotherapy."""
STORAGE = "1.2.840.10008.5.1.4.1.1."
KINDS = ("AcquisitionNumber", "TemporalPositionIdentifier", "EchoNumbers", "EchoTime", "ImageType", "DiffusionBValue")
"""What tells acquisitions apart whose slices lie at the same places in one series."""
FRAME_KINDS = (
    ("FrameContentSequence", "StackID"),
    ("FrameContentSequence", "TemporalPositionIndex"),
    ("FrameContentSequence", "FrameAcquisitionNumber"),
    ("MREchoSequence", "EffectiveEchoTime"),
    ("MRDiffusionSequence", "DiffusionBValue"),
)
"""The same for frames; in the end what tells them apart is their file."""
FAILURES = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, AttributeError, TypeError, struct.error),
    *(BytesLengthException, RecursionError, OverflowError),
)
"""What pydicom raises for files that are damaged, or no DICOM."""
MOST_SIDE = 2**16 - 1


class NoSlice(BrokenFile):
    """A DICOM image that is no slice of a scan; ``path`` is its file."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


def read_header(path: Path) -> Dataset:
    """The data set before the pixels; also of a file without preamble. Raises: BrokenFile."""
    try:
        require_bounded(path)
        return dcmread(path, stop_before_pixels=True, force=True)
    except BrokenFile:
        raise
    except FAILURES as error:
        raise BrokenFile(f"{path}: is a DICOM file without a readable image, or truncated.") from error


def text_of(dataset: Dataset | None, keyword: str) -> str:
    """The text of an attribute, "" without it; parts of a text with several values are parted by a backslash."""
    tag = tag_for_keyword(keyword)
    if dataset is None or tag is None or tag not in dataset:
        return ""
    value: Any = dataset.get_item(tag).value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\x00 ")
    if value is None:
        return ""
    return "\\".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


def count_of(dataset: Dataset, keyword: str, default: int) -> int:
    """A whole number of two bytes, such as Rows."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return default
    element = dataset.get_item(tag)
    if isinstance(element, RawDataElement):
        if not element.value:
            return default
        return int.from_bytes(element.value[:2], "little" if element.is_little_endian else "big")
    return int(element.value) if element.value is not None else default


def numbers_of(path: Path, dataset: Dataset | None, keyword: str, count: int) -> NDArray[np.float64] | None:
    """The numbers of an attribute, or None where it is absent. Raises: BrokenFile where they are none."""
    tag = tag_for_keyword(keyword)
    element = None if dataset is None or tag is None or tag not in dataset else dataset.get_item(tag)
    if isinstance(element, RawDataElement) and element.VR == "FD" and element.value is not None:
        numbers = np.frombuffer(element.value, "<f8" if element.is_little_endian else ">f8").astype(float)
    else:
        text = text_of(dataset, keyword)
        if not text:
            return None
        try:
            numbers = np.array([float(part) for part in text.split("\\")])
        except ValueError:
            numbers = np.array([np.nan])
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise BrokenFile(
            f"{path}: the DICOM attribute {keyword} must hold {count} numbers, but it holds "
            f"{'others' if np.isfinite(numbers).all() else 'what is no number'}."
        )
    return numbers


def holds_image(path: Path) -> bool:
    """Whether the file's class of storage may hold an image; that of a report or of structures does not."""
    with path.open("rb") as file:
        start = file.read(1024)
    place = start.find(b"\x02\x00\x02\x00UI")
    length = int.from_bytes(start[place + 6 : place + 8], "little") if place >= 0 else 0
    name = start[place + 8 : place + 8 + length].decode("ascii", "replace").rstrip("\x00 ")
    return not (name.removeprefix(STORAGE) + ".").startswith(NO_IMAGES) or not name.startswith(STORAGE)


def slices_of(path: Path) -> list[Slice]:
    """The image of a classic file, or the frames of an enhanced one.

    Raises: NoSlice for what is no slice of a scan, BrokenFile for what cannot be read.
    """
    try:
        return _slices_of(path, read_header(path))
    except BrokenFile:
        raise
    except FAILURES as error:  # of sequences, which are read when they are asked for
        raise BrokenFile(f"{path}: is a DICOM file without a readable image, or truncated.") from error


def _slices_of(path: Path, dataset: Dataset) -> list[Slice]:
    shape = count_of(dataset, "Columns", 0), count_of(dataset, "Rows", 0)
    if not all(0 < size <= MOST_SIDE for size in shape):
        raise BrokenFile(f"{path}: is a DICOM file without a readable image, or truncated.")
    if count_of(dataset, "SamplesPerPixel", 1) != 1 or text_of(dataset, "PhotometricInterpretation").startswith(
        COLOURS
    ):
        raise NoSlice(path, "is a colour image.")
    if "PerFrameFunctionalGroupsSequence" in dataset:
        return list(_frames(path, dataset, shape))
    frames = numbers_of(path, dataset, "NumberOfFrames", 1)
    if frames is not None and frames[0] > 1:
        raise BrokenFile(
            f"{path}: holds {frames[0]:.0f} frames in one file without their places; convert it to one file per slice."
        )
    kinds = tuple(text_of(dataset, keyword) for keyword in KINDS)
    return [_slice(path, dataset, shape, None, (dataset,) * 4, kinds)]


def _frames(path: Path, dataset: Dataset, shape: tuple[int, int]) -> Iterator[Slice]:
    """Every frame of an enhanced multi-frame image."""
    shared = _first(dataset, "SharedFunctionalGroupsSequence")
    for number, own in enumerate(dataset["PerFrameFunctionalGroupsSequence"].value):

        def group(name: str, own: Dataset = own) -> Dataset | None:
            return _first(own, name) or _first(shared, name)

        names = ("PlanePosition", "PlaneOrientation", "PixelMeasures", "PixelValueTransformation")
        kinds = (*(text_of(group(sequence), keyword) for sequence, keyword in FRAME_KINDS), path.name)
        yield _slice(path, dataset, shape, number, tuple(group(f"{name}Sequence") for name in names), kinds)


def _first(dataset: Dataset | None, sequence: str) -> Dataset | None:
    if dataset is None or sequence not in dataset:
        return None
    items = dataset[sequence].value
    return items[0] if items else None


def _slice(
    path: Path,
    dataset: Dataset,
    shape: tuple[int, int],
    frame: int | None,
    groups: Sequence[Dataset | None],
    kinds: tuple[str, ...],
) -> Slice:
    """The slice whose position, orientation, spacing and scale stand in these four groups."""
    place, orientation, measures, scale = groups
    directions = numbers_of(path, orientation, "ImageOrientationPatient", 6)
    spacing = numbers_of(path, measures, "PixelSpacing", 2)
    slope, intercept = (numbers_of(path, scale, f"Rescale{name}", 1) for name in ("Slope", "Intercept"))
    return Slice(
        path=path,
        series_uid=text_of(dataset, "SeriesInstanceUID"),
        localiser="LOCALIZER" in text_of(dataset, "ImageType").upper(),
        position_mm=numbers_of(path, place, "ImagePositionPatient", 3),
        directions=None if directions is None else directions.reshape(2, 3),
        spacing_mm=None if spacing is None else (float(spacing[1]), float(spacing[0])),  # between rows comes first
        shape=shape,
        series_number=int(number) if (number := text_of(dataset, "SeriesNumber")).isdecimal() else 0,
        frame=frame,
        kinds=kinds,
        slope=1.0 if slope is None else float(slope[0]),
        intercept=0.0 if intercept is None else float(intercept[0]),
    )
