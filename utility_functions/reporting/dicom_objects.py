"""What all DICOM objects of a scan share: who made them, whose they are, their series, and how they are written."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom.config
from highdicom import UID, AlgorithmIdentificationSequence
from pydicom import Dataset

from utility_functions.files.atomic_write import written_whole
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom_source import DicomSource
from utility_functions.files.provenance import GENERATOR
from utility_functions.reporting.dicom_codes import ALGORITHM
from utility_functions.reporting.versions import PACKAGE, versions

SERIAL_NUMBER = "1"
"""Of the device that made an object; a program has none, but DICOM wants one."""
MOST_SERIES_NUMBER = 2**31 - 1
_BUILDING = threading.Lock()
"""pydicom's checks are switched for the whole process."""
logging.getLogger("highdicom").setLevel(logging.WARNING)  # what it tells below that quotes UIDs of headers


def new_uid() -> UID:
    """A UID that no other object has."""
    return UID.from_uuid(str(uuid.uuid4()))


def device_uid() -> str:
    """The UID of this version of the package as the observer in a report."""
    return str(UID.from_uuid(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PACKAGE} {_version()}"))))


def equipment() -> dict[str, str]:
    """The arguments of highdicom that name the maker of an object."""
    return {
        "manufacturer": GENERATOR,
        "manufacturer_model_name": PACKAGE,
        "software_versions": _version(),
        "device_serial_number": SERIAL_NUMBER,
    }


def algorithm(models: Sequence[str]) -> AlgorithmIdentificationSequence:
    """The name, version and kind of the algorithm; models: the names of those that ran."""
    parameters = {"models": " ".join(models)} if models else None
    return AlgorithmIdentificationSequence(GENERATOR, ALGORITHM, _version(), GENERATOR, parameters)


def series_number(source: DicomSource, place: int) -> int:
    """The number of a new series, behind that of the source: 3001 and 3002 for series 3."""
    number = 1000 * max(source.series_number, 1) + place
    return number if number <= MOST_SERIES_NUMBER else 9000 + place


@contextmanager
def lenient(source: DicomSource) -> Iterator[None]:
    """While an object is made: UIDs and numbers of a scan are taken as they are, and no message quotes a header.

    Raises: BrokenFile where highdicom cannot make it.
    """
    with _BUILDING, pydicom.config.disable_value_validation():
        try:
            yield
        except (ValueError, KeyError) as error:
            raise BrokenFile(
                f"{source.path}: no DICOM object can refer to its images ({type(error).__name__})."
            ) from error


def write_object(made: Dataset, source: DicomSource, path: Path) -> None:
    """Write an object made from a scan, as one of the scan's patient and study."""
    made.SeriesDate, made.SeriesTime = made.ContentDate, made.ContentTime
    for tag, element in source.owners.items():
        made[tag] = element
    with lenient(source), written_whole(path) as place:
        made.save_as(place, enforce_file_format=True)


def _version() -> str:
    return versions().get(PACKAGE, "unknown")


Arguments = dict[str, Any]
"""Arguments of highdicom that several objects share."""


def identity(source: DicomSource, place: int, description: str) -> Arguments:
    """The UIDs, number and maker of a new series of one object. place: 1 for the segmentation, 2 for the report."""
    return {
        "series_instance_uid": new_uid(),
        "series_number": series_number(source, place),
        "sop_instance_uid": new_uid(),
        "instance_number": 1,
        "series_description": description,
        **equipment(),
    }
