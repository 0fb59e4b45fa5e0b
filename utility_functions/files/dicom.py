"""DICOM series: which files of a folder make up one series, and their voxels."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom_stack import Slice, stacked, without_strays
from utility_functions.files.stored_image import StoredImage
from utility_functions.geometry.grid import Grid

log = logging.getLogger(__name__)

MODALITY, SERIES_UID, IMAGE_TYPE = "0008|0060", "0020|000e", "0008|0008"
PATIENT_ID, STUDY_UID = "0010|0020", "0020|000d"
DESCRIBED = {"modality": MODALITY, "patient": PATIENT_ID, "study": STUDY_UID}
READER = "GDCMImageIO"
"""Named, since a reader chosen by the file's signature refuses files without preamble."""
INDEX_NAME = "DICOMDIR"
MOST_NAMED = 5
NO_IMAGES = ("11.", "66.", "67.", "88.", "104.", *(f"481.{kind}" for kind in ("2", "3", "4", "5", "6", "7", "8", "9")))
"""Storage classes, behind STORAGE, that hold no image: views, segments, reports, documents, plans of radiotherapy."""
STORAGE = "1.2.840.10008.5.1.4.1.1."
POSITION, ORIENTATION, PIXEL_SPACING, SAMPLES = "0020|0032", "0020|0037", "0028|0030", "0028|0002"
PHOTOMETRIC, BITS, SIGNED, SLOPE, INTERCEPT = "0028|0004", "0028|0101", "0028|0103", "0028|1053", "0028|1052"
COLOURS = ("PALETTE COLOR", "RGB", "YBR")
"""The beginnings of photometric interpretations whose numbers are colours, no intensities."""
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
"""The groups that a file without DICOM's preamble begins with: its meta header, or its data set."""


def is_dicom(path: Path) -> bool:
    """Whether the file has DICOM's file signature at byte 128, or begins with a data element as files without it do."""
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except OSError:
        return False
    return start[128:] == b"DICM" or _begins_with_element(start)


def is_slice(path: Path) -> bool:
    """Whether the file is one of DICOM that may be part of a series: the index of a disk is none."""
    return path.name.upper() != INDEX_NAME and is_dicom(path)


def is_series(folder: Path) -> bool:
    """Whether the folder itself holds a DICOM file."""
    return any(True for _ in _dicom_files(folder))


def describe(path: Path) -> dict[str, str]:
    """Modality, patient and study of a DICOM file, or of the first image in a folder; "" where the header has none.

    A file that cannot be read raises no error here, so that it stops no other scan; reading the scan raises it.
    """
    for file in _dicom_files(path) if path.is_dir() else (path,):
        try:
            reader = _header(file)
        except BrokenFile:
            continue
        return {key: _tag(reader, tag) for key, tag in DESCRIBED.items()}
    return dict.fromkeys(DESCRIBED, "")


def read_grid(path: Path) -> Grid:
    """Where the series' voxels lie, from headers alone."""
    return stacked(path, _series(path))[1]


def read_stored(path: Path) -> StoredImage:
    """The voxels of the series in ``path`` (a folder, or one of its files), each slice with its own scale applied."""
    slices, grid = stacked(path, _series(path))
    planes = []
    for one in slices:
        try:
            plane = sitk.GetArrayFromImage(sitk.ReadImage(str(one.path), imageIO=READER))[0].T
        except (RuntimeError, MemoryError) as error:
            raise BrokenFile(f"{one.path}: its voxels cannot be read, the file is truncated or damaged.") from error
        planes.append(plane if one.inverted_from is None else _inverted(plane, one.inverted_from))
    return StoredImage(path, grid, np.stack(planes, axis=-1))


def _inverted(plane: NDArray[Any], total: float) -> NDArray[Any]:
    """The values that give ``total`` together with those of ``plane``."""
    values = total - plane.astype(np.float64)
    return values if plane.dtype.kind == "f" or total != int(total) else values.astype(np.int32)


def _begins_with_element(start: bytes) -> bool:
    """Whether bytes are the first data element of a DICOM file without preamble, with or without its type written."""
    if start[:2] not in FIRST_GROUPS or len(start) < 12:
        return False
    element, kind = int.from_bytes(start[2:4], "little"), start[4:6]
    if kind in (b"UL", b"UI", b"CS", b"DA", b"TM", b"SH", b"LO", b"PN", b"DT", b"OB"):
        return element <= 0x0100
    return start[:2] == b"\x08\x00" and element <= 0x0018 and int.from_bytes(start[4:8], "little") <= 64


def _dicom_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and path.is_file() and is_slice(path):
            yield path


def _series(path: Path) -> list[Slice]:
    """The slices of the one series in a folder, or of the series that one file belongs to."""
    folder = path if path.is_dir() else path.parent
    wanted = "" if path.is_dir() else _slice(path).series_uid
    slices: list[Slice] = []
    strangers: list[Path] = []
    others: list[_NoSlice] = []
    for file in _dicom_files(folder):
        if not _holds_image(file):
            strangers.append(file)
            continue
        if wanted and _tag(_header(file), SERIES_UID) != wanted:
            continue
        try:
            slices.append(_slice(file))
        except _NoSlice as error:
            others.append(error)
    if not slices and others:
        raise others[0]
    if not slices:
        raise BrokenFile(f"{path}: is a folder without DICOM {'images' if strangers else 'files'}.")
    if strangers or others:
        left_out = [*strangers, *(error.path for error in others)]
        log.warning(
            "%s: %d DICOM files are no slices of a scan and are left out: %s.", path, len(left_out), _named(left_out)
        )
    slices = _without(slices, [one for one in slices if not one.placed], "have no place in the patient", path)
    slices = _without(slices, [one for one in slices if one.localiser], "are localisers", path)
    series: dict[str, list[Slice]] = {}
    for one in slices:
        series.setdefault(one.series_uid, []).append(one)
    if len(series) > 1:
        found = "; ".join(f"{len(each)} images, such as {each[0].path.name}" for each in series.values())
        raise BrokenFile(
            f"{path}: holds {len(series)} series; give one a folder of its own, or name one of its files as the scan "
            f"({found})."
        )
    kept, strays = without_strays(path, slices)
    if strays:
        log.warning(
            "%s: %d of its %d images lie otherwise than the slices and are left out: %s.",
            *(path, len(strays), len(slices), _named([one.path for one in strays])),
        )
    return kept


def _named(files: Sequence[Path]) -> str:
    """The names of files, of many the first ones."""
    return ", ".join(file.name for file in files[:MOST_NAMED]) + (", ..." if len(files) > MOST_NAMED else "")


def _without(slices: list[Slice], left_out: list[Slice], why: str, path: Path) -> list[Slice]:
    """The other slices; a BrokenFile when none are left."""
    if len(left_out) == len(slices):
        raise BrokenFile(f"{path}: all of its {len(slices)} DICOM images {why}.")
    if left_out:
        files = _named([one.path for one in left_out])
        log.warning("%s: %d DICOM images %s and are left out: %s.", path, len(left_out), why, files)
    return [one for one in slices if one not in left_out]


def _header(path: Path) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(READER)
    reader.SetFileName(str(path))
    reader.LoadPrivateTagsOff()
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise BrokenFile(f"{path}: is a DICOM file without a readable image, or truncated.") from error
    return reader


def _holds_image(path: Path) -> bool:
    """Whether the file's class of storage may hold an image; that of a report or of structures does not."""
    with path.open("rb") as file:
        start = file.read(1024)
    place = start.find(b"\x02\x00\x02\x00UI")
    length = int.from_bytes(start[place + 6 : place + 8], "little") if place >= 0 else 0
    name = start[place + 8 : place + 8 + length].decode("ascii", "replace").rstrip("\x00 ")
    return not (name.removeprefix(STORAGE) + ".").startswith(NO_IMAGES) or not name.startswith(STORAGE)


class _NoSlice(BrokenFile):
    """A DICOM image that is no slice of a scan; ``path`` is its file."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


def _slice(path: Path) -> Slice:
    reader = _header(path)
    size = reader.GetSize()
    if len(size) > 2 and size[2] > 1:
        raise BrokenFile(f"{path}: holds {size[2]} frames in one file; convert it to NIfTI or to one file per slice.")
    photometric = _tag(reader, PHOTOMETRIC).upper()
    if _tag(reader, SAMPLES) not in ("", "1") or photometric.startswith(COLOURS):
        raise _NoSlice(path, "is a colour image.")
    directions = _numbers(path, reader, ORIENTATION, 6)
    spacing = _numbers(path, reader, PIXEL_SPACING, 2)
    return Slice(
        path=path,
        series_uid=_tag(reader, SERIES_UID),
        localiser="LOCALIZER" in _tag(reader, IMAGE_TYPE).upper(),
        position_mm=_numbers(path, reader, POSITION, 3),
        directions=None if directions is None else directions.reshape(2, 3),
        spacing_mm=None if spacing is None else (float(spacing[1]), float(spacing[0])),  # between rows comes first
        shape=(int(size[0]), int(size[1])),
        inverted_from=_total(path, reader) if photometric == "MONOCHROME1" else None,
    )


def _total(path: Path, reader: sitk.ImageFileReader) -> float:
    """What the value of a MONOCHROME1 pixel and the one that GDCM makes of it for display add up to.

    GDCM takes the stored value from the sum of the smallest and the largest that the bits can hold, and scales then.
    """
    bits, signed = _numbers(path, reader, BITS, 1), _numbers(path, reader, SIGNED, 1)
    slope, intercept = _numbers(path, reader, SLOPE, 1), _numbers(path, reader, INTERCEPT, 1)
    ends = -1.0 if signed is not None and signed[0] else 2.0 ** (16 if bits is None else int(bits[0])) - 1
    return ends * (1.0 if slope is None else float(slope[0])) + 2 * (0.0 if intercept is None else float(intercept[0]))


def _tag(reader: sitk.ImageFileReader, key: str) -> str:
    if not reader.HasMetaDataKey(key):
        return ""
    text = str(reader.GetMetaData(key)).strip("\x00 ")
    return text.encode("utf-8", "replace").decode()  # old files neither name their character set nor follow it


def _numbers(path: Path, reader: sitk.ImageFileReader, key: str, count: int) -> np.ndarray | None:
    """The numbers of a tag, or None where it is absent."""
    text = _tag(reader, key)
    if not text:
        return None
    try:
        numbers = np.array([float(part) for part in text.split("\\")])
    except ValueError:
        numbers = np.array([np.nan])
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise BrokenFile(
            f"{path}: DICOM tag ({key.replace('|', ',')}) must hold {count} numbers, but it holds "
            f"{'others' if np.isfinite(numbers).all() else 'what is no number'}."
        )
    return numbers
