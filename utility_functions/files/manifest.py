"""Cases from the user's source (a scan, a folder, a manifest, phantoms), and their split by patient."""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from utility_functions.anatomy.centroids import LABEL_CODES
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.files.data_split import Fold, HeldOutFraction
from utility_functions.files.delimited import delimiter_of
from utility_functions.files.discovery import case_of, cases_in, of_series, split_named
from utility_functions.files.file_names import label_code_of
from utility_functions.files.images import is_image, stem_of
from utility_functions.files.keypoint_cases import holds_keypoints, keypoint_cases
from utility_functions.files.origin import Origin, origin_of, study_of_file
from utility_functions.files.patient_pseudonyms import is_name_in_memory
from utility_functions.files.unfetched import absence_of, leads_nowhere
from utility_functions.phantom.phantom_request import PREFIX, PhantomRequest, requested_phantoms

log = logging.getLogger(__name__)

MANIFEST_NAME = "manifest.csv"
REQUIRED_COLUMNS = ("name", "image_path")
FILE_COLUMNS = ("mask_path", "centroid_json_path", "tissue_path")
PARTS = ("training", "validation")
"""The parts of a split data set."""
MODALITIES = {"ct": "CT", "mr": "MR", "mri": "MR"}


def find_cases(source: Path, split: str | None = None, phantom_seed: int = 0, series: int | None = None) -> list[Case]:
    """The cases of an image file, a DICOM series folder, a folder of scans, a CSV manifest, keypoints or ``phantom:N``.

    A folder that holds a manifest.csv is read through it. ``split`` selects "training", "validation" or "testing".
    ``phantom_seed`` is the seed of phantoms whose request names none. ``series`` selects among the DICOM scans of a
    folder.
    Raises: BrokenFile when nothing is found, and ValueError for a split that no case belongs to.
    """
    source = Path(source)
    if not source.exists() and not str(source).startswith(PREFIX):
        raise BrokenFile(f"{source}: {absence_of(source)}")
    if not source.exists():
        cases = [_case_of_phantom(requested) for requested in requested_phantoms(str(source), phantom_seed)]
    elif source.is_file():
        cases = _cases_of_file(source)
    elif (source / MANIFEST_NAME).is_file():
        cases = read_manifest(source / MANIFEST_NAME)
    elif holds_keypoints(source):
        cases = keypoint_cases(source)
    else:
        cases = cases_in(source)
    if series is not None:
        cases = of_series(cases, series, source)
    return cases if split is None else only_split(cases, split, source)


def read_manifest(path: Path) -> list[Case]:
    """A CSV with the columns name, image_path and, if there are any, type, mask_path, centroid_json_path, tissue_path.

    Columns are separated by commas, semicolons or tabs. Paths are absolute or relative to the CSV. A phantom that is
    not on disk is named by its request, such as "phantom:1:seed=7:from=3". type holds the split (training, validation,
    testing) or the modality (CT, MR). The columns split, modality, patient and study give each explicitly, and
    label_code names the code of the mask where it is not VerSe's. Raises: BrokenFile.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BrokenFile(f"{path}: is not a text file.") from error
    table = csv.DictReader(lines, delimiter=delimiter_of(lines[0]) if lines else ",")
    columns = [column.strip().lower() for column in table.fieldnames or []]
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise BrokenFile(
            f"{path}: a manifest needs the columns name, type, image_path, mask_path, centroid_json_path; "
            f"{', '.join(missing)} missing."
        )
    cases: list[Case] = []
    for line, values in enumerate(table, start=2):
        row = {(key or "").strip().lower(): value.strip() for key, value in values.items() if isinstance(value, str)}
        if any(row.values()):
            cases.append(_case_of_row(path, line, row))
    if not cases:
        raise BrokenFile(f"{path}: the manifest lists no scan.")
    names = [case.case_id for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BrokenFile(f"{path}: each name may stand once, but {', '.join(twice[:5])} stands in it more than once.")
    return cases


def split_by_patient(cases: Sequence[Case], fraction: float, seed: int) -> tuple[list[Case], list[Case]]:
    """The cases in two parts, the second with about ``fraction`` of the patients (at least one, never all).

    All cases of a patient are in one part; the same seed gives the same parts whatever the order of the cases.
    """
    return split_held_out(cases, HeldOutFraction(fraction, seed))


def split_held_out(cases: Sequence[Case], held_out: HeldOutFraction | Fold) -> tuple[list[Case], list[Case]]:
    """The cases for training, and those of the patients held out."""
    away = held_out.held_out(case.patient for case in cases)
    return [case for case in cases if case.patient not in away], [case for case in cases if case.patient in away]


def one_part(cases: Sequence[Case], held_out: HeldOutFraction | Fold | None, part: str | None) -> list[Case]:
    """The cases of the part "training" or "validation", which becomes their split; all where nobody is held out.

    Raises: ValueError where one is named without the other, and where other than training scans would be split.
    """
    if held_out is None and part is None:
        return list(cases)
    if held_out is None or part not in PARTS:
        raise ValueError(
            "Holding out needs a fraction of the patients or a fold, and the wanted part, training or validation. "
            f"Received: {held_out} and {part}."
        )
    if cases[0].split in ("validation", "testing"):
        raise ValueError(f"Only training scans are split for validation. Received: {cases[0].split} scans.")
    for folder in folders_of_many(cases):
        log.warning(
            "%s: holds several scans of unknown patients, so each counts as another patient; if they are of one, name "
            "patients in a manifest.",
            folder,
        )
    return [replace(case, split=part) for case in split_held_out(cases, held_out)[PARTS.index(part)]]


def folders_of_many(cases: Sequence[Case]) -> list[Path]:
    """Folders beside others that hold several scans of unknown patients: they may be of one patient each."""
    unknown = [case for case in cases if not case.told_patient]
    folders = Counter(case.image_path.parent for case in unknown if case.phantom is None and case.has_image)
    return sorted(folder for folder, count in folders.items() if count > 1) if len(folders) > 1 else []


def _cases_of_file(source: Path) -> list[Case]:
    if source.suffix.lower() == ".csv":
        return read_manifest(source)
    if not is_image(source):
        raise BrokenFile(f"{source}: is neither an image that can be read nor a CSV manifest.")
    return [case_of(source)]


def _case_of_phantom(requested: PhantomRequest) -> Case:
    return Case(
        requested.name,
        Path(requested.name),
        requested.patient,
        "CT" if requested.kind == "ct" else "MR",
        phantom=requested,
        modality_told=True,
    )


def _case_of_row(path: Path, line: int, row: dict[str, str]) -> Case:
    where = f"{path}, line {line}"
    if row.get("image_path", "").startswith(PREFIX):
        return _phantom_of_row(where, row)
    image = _listed(path, where, row, "image_path")
    if image is None:
        raise BrokenFile(f"{where}: image_path is empty.")
    split, modality = _split_and_modality(where, row)
    origin = origin_of(image)
    patient = row.get("patient") or origin.patient
    label_map = _listed(path, where, row, "mask_path")
    code = row.get("label_code", "").lower() or label_code_of(image, label_map)
    if code not in LABEL_CODES:
        raise BrokenFile(f"{where}: label_code is {', '.join(LABEL_CODES)} or empty, but it is {code!r}.")
    return Case(
        case_id=_case_id(row, stem_of(image)),
        image_path=image,
        patient=patient,
        study=f"{patient}: {row['study']}" if row.get("study") else _study(image, patient, origin),
        frame=origin.frame,
        modality=modality or origin.modality,
        modality_told=origin.told or bool(modality),
        split=split,
        landmarks_path=_listed(path, where, row, "centroid_json_path"),
        label_map_path=label_map,
        label_code=code,
        tissue_path=_listed(path, where, row, "tissue_path"),
    )


def _study(image: Path, patient: str, origin: Origin) -> str:
    """The study of a row that names none: that of DICOM's header, else that of a file of the row's patient."""
    return origin.study if is_name_in_memory(origin.study) else study_of_file(image, patient)


def _phantom_of_row(where: str, row: dict[str, str]) -> Case:
    """The one phantom that a row requests, with its own name and patient where the row has none."""
    if files := [column for column in FILE_COLUMNS if row.get(column)]:
        raise BrokenFile(f"{where}: a phantom is painted with all its annotations, but {files[0]} names a file, too.")
    try:
        requested = requested_phantoms(row["image_path"], 0)
    except ValueError as error:
        raise BrokenFile(f"{where}: {error}") from error
    if len(requested) > 1:
        raise BrokenFile(
            f"{where}: a row names one phantom, as phantom:1:seed=7:from=3, but here are {len(requested)}."
        )
    case = _case_of_phantom(requested[0])
    split = _split_and_modality(where, row)[0]
    return replace(case, case_id=_case_id(row, case.case_id), patient=row.get("patient") or case.patient, split=split)


def _case_id(row: dict[str, str], otherwise: str) -> str:
    return (row.get("name") or otherwise).replace("/", "_").replace("\\", "_")


def _split_and_modality(where: str, row: dict[str, str]) -> tuple[str, str]:
    """Split and modality of a row, "" where it has none. Raises: BrokenFile for other words."""
    split, modality, kind = row.get("split", ""), row.get("modality", ""), row.get("type", "")
    if kind.lower() in MODALITIES:
        modality = modality or kind
    else:
        split = split or kind
    if split and split_named(split) is None:
        raise BrokenFile(f"{where}: type is training, validation, testing, CT, MR or empty, but it is {split!r}.")
    if modality and modality.lower() not in MODALITIES:
        raise BrokenFile(f"{where}: modality is CT or MR, but it is {modality!r}.")
    return split_named(split) or "", MODALITIES.get(modality.lower(), "")


def _listed(manifest: Path, where: str, row: dict[str, str], column: str) -> Path | None:
    """The file that a row names, None where it names none. Raises: BrokenFile when it is not there."""
    if not row.get(column):
        return None
    path = manifest.parent / row[column].replace("\\", "/")
    if not path.exists():
        why = f"which {absence_of(path)}" if leads_nowhere(path) else "which is not there."
        raise BrokenFile(f"{where}: {column} names {row[column]}, {why}")
    return path


def in_label_code(cases: Sequence[Case], code: str | None) -> list[Case]:
    """The cases, their label maps in a code (one of LABEL_CODES) where nothing else tells theirs; None: as they are.

    A phantom, and a case whose code is told already (not VerSe's), stays as it is.
    """
    if code is None:
        return list(cases)
    return [
        replace(case, label_code=code)
        if case.label_map_path is not None and case.phantom is None and case.label_code == "verse"
        else case
        for case in cases
    ]


def only_split(cases: list[Case], split: str, source: Path) -> list[Case]:
    """The cases of one split. Raises: ValueError, naming the ``source``, where there are none."""
    wanted = split_named(split)
    if wanted is None:
        raise ValueError(f"A split is training, validation or testing. Received: {split!r}.")
    kept = [case for case in cases if case.split == wanted]
    if not kept:
        there = sorted({case.split or "no split" for case in cases})
        raise ValueError(f"{source} has no {wanted} cases, only {', '.join(there)}. Received: split {split!r}.")
    return kept
