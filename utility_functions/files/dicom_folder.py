"""The DICOM files of a folder, and the scans that they make up: one a series or, within a series, an acquisition."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom_header import NoSlice, holds_image, read_header, slices_of, text_of
from utility_functions.files.dicom_stack import Slice, parallel, sagittal_share, without_strays

log = logging.getLogger(__name__)

INDEX_NAME = "DICOMDIR"
MOST_NAMED = 5
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


def _begins_with_element(start: bytes) -> bool:
    """Whether bytes are the first data element of a DICOM file without preamble, with or without its type written."""
    if start[:2] not in FIRST_GROUPS or len(start) < 12:
        return False
    element, kind = int.from_bytes(start[2:4], "little"), start[4:6]
    if kind in (b"UL", b"UI", b"CS", b"DA", b"TM", b"SH", b"LO", b"PN", b"DT", b"OB"):
        return element <= 0x0100
    return start[:2] == b"\x08\x00" and element <= 0x0018 and int.from_bytes(start[4:8], "little") <= 64


def dicom_files(folder: Path) -> Iterator[Path]:
    """The DICOM files in a folder itself, by name; hidden ones left out."""
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and path.is_file() and is_slice(path):
            yield path


def scans_in(folder: Path) -> list[Path]:
    """What stands for each scan in a folder of DICOM files: the folder itself for one, else one of its files each.

    They are in the order of their series numbers. What cannot be read raises no error here; reading the scan does.
    """
    try:
        scans = _scans(_collected(folder, "", tell=False))
    except BrokenFile:
        return [folder]
    files = [scan[0].path for scan in scans]
    return files if len(set(files)) == len(files) > 1 else [folder]


def slices_at(path: Path) -> list[Slice]:
    """The slices of the one scan in a folder, or of the scan that one file belongs to. Raises: BrokenFile.

    Localisers are left out, unless one of their files is named: then it and the slices parallel to it are the scan.
    """
    is_folder = path.is_dir()
    first = None if is_folder else slices_of(path)[0]
    if first is not None and first.localiser:
        return _localiser(path, first.series_uid)
    wanted = "" if first is None else first.series_uid
    scans = _scans(_collected(path if is_folder else path.parent, wanted, tell=True))
    if not is_folder:
        scans = [scan for scan in scans if any(one.path == path for one in scan)] or scans
    if len(scans) > 1:
        found = "; ".join(f"{len(each)} images, such as {each[0].path.name}" for each in scans)
        if len({each[0].path for each in scans}) < len(scans):
            advice = "save each as a file of its own"
        else:
            advice = "give one a folder of its own, or name one of its files as the scan"
        several = "series" if len({each[0].series_uid for each in scans}) == len(scans) else "series or acquisitions"
        raise BrokenFile(f"{path}: holds {len(scans)} {several}; {advice} ({found}).")
    kept, strays = without_strays(path, scans[0])
    if strays:
        log.warning(
            "%s: %d of its %d images lie otherwise than the slices and are left out: %s.",
            *(path, len(strays), len(scans[0]), _named(one.path for one in strays)),
        )
    return kept


def localiser_in(folder: Path) -> Path | None:
    """The file by which a folder's localiser is read, where the folder holds no other image; else None.

    Of slices in several directions it is one of those that lie most nearly sagittal. Raises: BrokenFile.
    """
    slices: list[Slice] = []
    for one in (one for file in dicom_files(folder) if holds_image(file) for one in _placed_slices(file)):
        if not one.localiser:
            return None
        slices.append(one)
    return _most_sagittal(slices)[0].path if slices else None


def _placed_slices(file: Path) -> list[Slice]:
    try:
        return [one for one in slices_of(file) if one.placed]
    except NoSlice:
        return []


def _localiser(path: Path, series_uid: str) -> list[Slice]:
    """The slices of a localiser that lie parallel to that in a file or, of several in it, to the most sagittal."""
    files = [file for file in dicom_files(path.parent) if text_of(read_header(file), "SeriesInstanceUID") == series_uid]
    slices = [one for file in files if holds_image(file) for one in _placed_slices(file) if one.localiser]
    if not (own := [one for one in slices if one.path == path]):
        raise BrokenFile(f"{path}: has no place in the patient.")
    return next(group for group in parallel(slices) if any(one is _most_sagittal(own)[0] for one in group))


def _most_sagittal(slices: Sequence[Slice]) -> list[Slice]:
    """Of slices in several directions those of one that lie most nearly sagittal; several slices before one alone."""
    groups = parallel(slices)
    return max([group for group in groups if len(group) > 1] or groups, key=lambda group: sagittal_share(group[0]))


def _collected(folder: Path, series_uid: str, tell: bool) -> list[Slice]:
    """The placed slices of a folder, of one series or ("") all; what is left out is told."""
    slices: list[Slice] = []
    strangers: list[Path] = []
    others: list[NoSlice] = []
    for file in dicom_files(folder):
        if not holds_image(file):
            strangers.append(file)
            continue
        if series_uid and text_of(read_header(file), "SeriesInstanceUID") != series_uid:
            continue
        try:
            slices += slices_of(file)
        except NoSlice as error:
            others.append(error)
    if not slices and others:
        raise others[0]
    if not slices:
        raise BrokenFile(f"{folder}: is a folder without DICOM {'images' if strangers else 'files'}.")
    if (strangers or others) and tell:
        left_out = [*strangers, *(error.path for error in others)]
        log.warning(
            "%s: %d DICOM files are no slices of a scan and are left out: %s.", folder, len(left_out), _named(left_out)
        )
    for why, left in (
        ("have no place in the patient", [one for one in slices if not one.placed]),
        ("are localisers", [one for one in slices if one.placed and one.localiser]),
    ):
        if len(left) == len(slices):
            raise BrokenFile(f"{folder}: all of its {len(slices)} DICOM images {why}.")
        if left and tell:
            files = _named(one.path for one in left)
            log.warning(f"%s: %d DICOM images {why} and are left out: %s.", folder, len(left), files)
        slices = [one for one in slices if one not in left]
    return slices


def _scans(slices: Sequence[Slice]) -> list[list[Slice]]:
    """The slices of each series, in the order of the series' numbers; of each acquisition where several overlap."""
    series: dict[tuple[int, str], list[Slice]] = {}
    for one in slices:
        series.setdefault((one.series_number, one.series_uid), []).append(one)
    return [scan for _, each in sorted(series.items()) for scan in _acquisitions(each)]


def _acquisitions(slices: list[Slice]) -> list[list[Slice]]:
    """The acquisitions of a series whose slices lie at the same places; the series as one where none is told apart."""
    if not _overlap(slices):
        return [slices]
    for kind in (*range(len(slices[0].kinds)), None):
        groups: dict[object, list[Slice]] = {}
        for one in slices:
            groups.setdefault(one.kinds if kind is None else one.kinds[kind], []).append(one)
        if len(groups) > 1 and not any(len(group) < 2 or _overlap(group) for group in groups.values()):
            return list(groups.values())
    return [slices]


def _overlap(slices: Sequence[Slice]) -> bool:
    """Whether two slices of one direction lie at the same place."""
    places = {
        (*one.position_mm.round(2).tolist(), *one.directions.round(2).ravel().tolist())
        for one in slices
        if one.position_mm is not None and one.directions is not None
    }
    return len(places) < len(slices)


def _named(files: Iterable[Path]) -> str:
    """The names of files, of many the first ones."""
    names = list(dict.fromkeys(file.name for file in files))
    return ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
