"""Where an image comes from: what names, folders and DICOM headers tell of patient, study, frame and modality."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from utility_functions.files import bids, dicom
from utility_functions.files.file_names import spider_patient
from utility_functions.files.images import stem_of, suffix_of
from utility_functions.files.patient_pseudonyms import name_in_memory

_MR_WORDS = re.compile(r"(^|[_.-])(t1|t2|t1w|t2w|pdw?|mri?|flair|stir|dixon|space)([_.-]|$)", re.IGNORECASE)
_PET_WORDS = re.compile(r"(^|[_.-])(pet|suv)([_.-]|$)", re.IGNORECASE)
_TOLD = ("CT", "MR", "PT", "NM", "US")
"""Modalities of DICOM that show a body in slices; under others, such as OT or XA, CT is found too."""
_SUBJECT = re.compile(r"(^|_)(sub-[A-Za-z0-9]+)")
_SESSION = re.compile(r"(^|_)(ses-[A-Za-z0-9]+)")


@dataclass(frozen=True)
class Origin:
    """What is told of an image; "" where nothing tells.

    patient, study, frame: as in `Case`; those of a header are names that are never written (patient_pseudonyms).
    modality: "CT" where nothing tells. told: whether DICOM's header or the JSON beside the image tells it.
    """

    patient: str = field(default="", repr=False)
    study: str = field(default="", repr=False)
    frame: str = field(default="", repr=False)
    modality: str = "CT"
    told: bool = False


def origin_of(image: Path) -> Origin:
    """What is told of an image file, or of a DICOM series in a folder."""
    if image.is_dir() or (suffix_of(image) is None and dicom.is_dicom(image)):
        facts = dicom.describe(image)
        told = facts["modality"] in _TOLD
        return Origin(
            name_in_memory(facts["patient"] or facts["study"]),
            name_in_memory(facts["study"]),
            name_in_memory(facts["frame"]),
            facts["modality"] if told else "CT",
            told,
        )
    stem = stem_of(image)
    subject = _SUBJECT.search(stem)
    patient = subject.group(2) if subject else spider_patient(image)
    beside = bids.told_modality(image)
    if beside is not None and beside in _TOLD:
        return Origin(patient, study_of_file(image, patient), "", beside, True)
    named = "MR" if _MR_WORDS.search(stem) else "PT" if _PET_WORDS.search(stem) else "CT"
    return Origin(patient, study_of_file(image, patient), "", named)


def study_of_file(image: Path, patient: str) -> str:
    """The study of an image without a header that tells it: the patient's images in one folder, of one session of BIDS.

    "" where the patient is not known.
    """
    session = _SESSION.search(stem_of(image))
    return f"{image.absolute().parent}: {patient} {session.group(2) if session else ''}" if patient else ""
