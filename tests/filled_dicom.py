"""DICOM series with a word of its own in every text, date, number in text, UID and sequence that the standard knows.

The attributes are those of pydicom's dictionary, so that all which PS3.15 lists as identifying are among them.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

import numpy as np
from pydicom import Dataset, FileMetaDataset, dcmwrite
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

WORDS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT")
NEEDED = ("SpecificCharacterSet", "SOPClassUID", "Modality", "ImageType", "PerFrameFunctionalGroupsSequence")
"""Attributes whose values say what kind of file it is; beside those of group 0028, which say what the pixels are.

Frames would make an enhanced file of a slice, without places.
"""
PLACES = ("ImagePositionPatient", "ImageOrientationPatient")
PATIENT = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")
_FORMS = re.compile(rb"(?=(ZQ[0-9A-F]{8}|2\.25\.7700\d+|1[78]\d{6}|121212\.\d{6}|093Y|77\d{4}\.7|7700\d{4}))")
"""The forms of all words, wherever they begin."""


EVERY = 10
"""Every tenth slice has all attributes, the first one too; the others only those in PATIENT."""


def filled(patient: str) -> tuple[Dataset, frozenset[str]]:
    """A data set with all attributes, and the words in it; those in PATIENT depend on the ``patient``."""
    dataset, words = Dataset(), set()
    for number, (tag, (vr, _, _, _, keyword)) in enumerate(sorted(DicomDictionary.items())):
        group = tag >> 16
        if group in (0x0000, 0x0002, 0x0004, 0x0028, 0x7FE0, 0xFFFA, 0xFFFC, 0xFFFE) or keyword in (*NEEDED, *PLACES):
            continue
        if vr == "SQ":
            inner = Dataset()
            inner.PatientName = word = f"ZQ{tag:08X}"
            dataset[tag] = DataElement(tag, vr, [inner])
        elif word := _word(vr, tag, number):
            word = f"{word}{patient}" if keyword in PATIENT else word
            dataset[tag] = DataElement(tag, vr, word)
        if word:
            words.add(word)
    private = dataset.private_block(0x0009, "ZQ00090010", create=True)
    private.add_new(1, "LO", "ZQ00091001")
    return dataset, frozenset(words | {"ZQ00090010", "ZQ00091001"})


def _word(vr: str, tag: int, number: int) -> str:
    if vr in WORDS:
        return f"ZQ{tag:08X}"
    day = (datetime.date(1700, 1, 1) + datetime.timedelta(number)).strftime("%Y%m%d")
    others = {"DA": day, "DT": f"{day}121212", "TM": f"121212.{number:06d}", "UI": f"2.25.7700{number}"}
    return {**others, "AS": "093Y", "DS": f"77{number:04d}.7", "IS": f"7700{number:04d}", "UR": f"ZQ{tag:08X}"}.get(
        vr, ""
    )


def write_series(folder: Path, volume: Volume, patient: str = "1", **changes: str) -> frozenset[str]:
    """The volume as one file per axial slice, with every attribute filled; returns the words in them.

    patient: digits that follow the words of PatientID and of the UIDs. changes: values of other attributes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    everything, words = filled(patient)
    few = Dataset()
    for keyword in (*PATIENT, "SOPInstanceUID", "FrameOfReferenceUID", "SeriesNumber"):
        setattr(few, keyword, everything[keyword].value)
    upright = volume.reoriented("LPS")
    grid = upright.grid
    first_mm = grid.to_mm((0, 0, 0)) * (-1, -1, 1)
    for dataset in (everything, few):
        _describe(dataset, grid)
        for keyword, value in changes.items():
            setattr(dataset, keyword, value)
    instance = everything.SOPInstanceUID
    for k in range(grid.shape[2]):
        dataset = few if k % EVERY else everything
        dataset.SOPInstanceUID = f"{instance}.{k}"
        if "ImagePositionPatient" not in changes:
            dataset.ImagePositionPatient = [f"{v:.4f}" for v in (*first_mm[:2], first_mm[2] + k * grid.spacing_mm[2])]
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.PixelData = np.ascontiguousarray(upright.voxels[:, :, k].T.astype("<i2")).tobytes()
        dcmwrite(folder / f"{k:03d}.dcm", dataset, enforce_file_format=True)
    return words


def _describe(dataset: Dataset, grid: Grid) -> None:
    """What a reader needs to know of the pixels."""
    dataset.SpecificCharacterSet, dataset.Modality, dataset.ImageType = (
        "ISO_IR 100",
        "CT",
        ["ORIGINAL", "PRIMARY", "AXIAL"],
    )
    dataset.SOPClassUID = CTImageStorage
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [grid.spacing_mm[1], grid.spacing_mm[0]]
    dataset.Columns, dataset.Rows = grid.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage


def words_in(content: bytes, words: Collection[str]) -> set[str]:
    """Which of the words stand in a file's content: all that have one of the forms at once, others one by one."""
    found = set(_FORMS.findall(content))
    return {word for word in words if (_form(word) in found if _form(word) else word.encode() in content)}


@cache
def _form(word: str) -> bytes:
    """What of a word has one of the forms, b"" for nothing."""
    return next(iter(_FORMS.findall(word.encode())), b"")
