"""A public data set in a folder: downloaded, unpacked, checked, and listed in a manifest with its official splits."""

from __future__ import annotations

import csv
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from utility_functions.command_line import one_line
from utility_functions.datasets.fetching import FetchedFile, fetched
from utility_functions.datasets.public_sets import PublicSet
from utility_functions.datasets.unpacking import unpacked
from utility_functions.files.atomic_write import require_writable, write_json
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import SAME_PLACE_VOXELS, Case
from utility_functions.files.discovery import cases_in, split_named
from utility_functions.files.images import read_grid, stem_of
from utility_functions.files.manifest import MANIFEST_NAME
from utility_functions.files.scan_list import write_scan_list

log = logging.getLogger(__name__)

ARCHIVES = "archives"
"""The folder for what is downloaded; a file that lies there already is not downloaded."""
RECORD_NAME = "source.json"
SPLITS = ("training", "validation", "testing")


@dataclass(frozen=True)
class Obtained:
    """A data set in its folder: its scans by split, what is known of its files, and what is wrong with it, in words."""

    cases: tuple[Case, ...]
    files: tuple[FetchedFile, ...]
    problems: tuple[str, ...]

    @property
    def scans(self) -> dict[str, int]:
        """The number of scans in each split that has any."""
        count = Counter(case.split for case in self.cases)
        return {split: count[split] for split in SPLITS if count[split]}


def obtain(public: PublicSet, folder: Path, *, keep_archives: bool = False) -> Obtained:
    """The data set in ``folder``, which a manifest.csv and a source.json describe.

    What is there already is not fetched again, so a run that was interrupted goes on. Archives are removed once they
    are unpacked, unless they are kept. Scans that miss an annotation stand among the problems, not in the manifest.
    Raises: ValueError or OSError, in one sentence, where the data set cannot be had.
    """
    require_writable(folder)
    known = _known_files(folder / RECORD_NAME)
    for file in public.files:
        if file.unpacked_to and (folder / file.unpacked_to).is_dir():
            continue
        path, found = fetched(file, folder / ARCHIVES if file.unpacked_to else folder, public.page)
        _compare(found, known.get(file.name))
        known[file.name] = found if found.url or file.name not in known else known[file.name]
        _write_record(public, known, folder)
        if file.unpacked_to:
            unpacked(path, folder / file.unpacked_to)
            if not keep_archives:
                path.unlink()
    if (folder / ARCHIVES).is_dir() and not any((folder / ARCHIVES).iterdir()):
        (folder / ARCHIVES).rmdir()
    cases, problems = _sound(_cases(public, folder), public)
    write_scan_list(cases, folder / MANIFEST_NAME, split=None, within=folder)
    return Obtained(tuple(cases), tuple(known.values()), tuple(problems))


def _cases(public: PublicSet, folder: Path) -> list[Case]:
    """The scans with their official splits. Raises: BrokenFile where the table of the splits lacks a scan."""
    if public.split_table:
        splits = _splits_of(folder / public.split_table)
        cases = cases_in(folder)
        if missing := [case.case_id for case in cases if stem_of(case.image_path) not in splits]:
            raise BrokenFile(
                f"{folder / public.split_table}: {len(missing)} scans are not in it, such as {missing[0]}."
            )
        split_cases = [replace(case, split=splits[stem_of(case.image_path)]) for case in cases]
    else:
        split_cases = [
            replace(case, split=file.split) for file in public.files for case in _cases_of(folder / file.unpacked_to)
        ]
    return [replace(case, label_code=public.label_code) for case in split_cases]


def _cases_of(folder: Path) -> list[Case]:
    return sorted(cases_in(folder), key=lambda case: case.case_id)


def _splits_of(table: Path) -> dict[str, str]:
    """The split of every scan by its name, from the columns new_file_name and subset. Raises: BrokenFile."""
    try:
        rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
        found = {stem_of(Path(row["new_file_name"].strip())): split_named(row["subset"]) for row in rows}
    except (UnicodeDecodeError, KeyError, AttributeError) as error:
        raise BrokenFile(f"{table}: is no table with the columns new_file_name and subset.") from error
    if unknown := [name for name, split in found.items() if split is None]:
        raise BrokenFile(f"{table}: the subset of {unknown[0]} is neither training nor validation nor testing.")
    return {name: split or "" for name, split in found.items()}


def _sound(cases: Sequence[Case], public: PublicSet) -> tuple[list[Case], list[str]]:
    """The scans that can be used, and all problems of the data set."""
    problems = [] if len(cases) == public.scans else [f"{len(cases)} scans are there, and {public.scans} are published"]
    splits: dict[str, set[str]] = {}
    for case in cases:
        splits.setdefault(case.patient, set()).add(case.split)
    problems += [
        f"patient {patient} is in {' and '.join(sorted(found))}" for patient, found in splits.items() if len(found) > 1
    ]
    names = Counter(case.case_id for case in cases)
    problems += [f"{name} is there {count} times" for name, count in names.items() if count > 1]
    kept: dict[str, Case] = {}
    for case in cases:
        wrong = _wrong_with(case, public)
        problems += [f"{case.case_id}: {each}, so it is left out" for each in wrong]
        if not wrong:
            kept.setdefault(case.case_id, case)
    return list(kept.values()), problems


def _wrong_with(case: Case, public: PublicSet) -> list[str]:
    """Why a scan cannot be used: from the headers of its image and of its label map alone."""
    if case.label_map_path is None:
        return ["it has no label map"]
    if public.with_landmarks and case.landmarks_path is None:
        return ["it has no centroids"]
    try:
        image, labels = read_grid(case.image_path), read_grid(case.label_map_path)
    except (ValueError, OSError) as error:
        return [one_line(error).removesuffix(".")]
    differences = labels.reoriented(image.axcodes).differences(image, SAME_PLACE_VOXELS)
    return [f"its label map lies on another grid ({', '.join(differences)})"] if differences else []


def _compare(found: FetchedFile, before: FetchedFile | None) -> None:
    if before is not None and before.sha256 != found.sha256:
        log.warning("%s: is another file than the one that was downloaded here before.", found.name)


def _known_files(record: Path) -> dict[str, FetchedFile]:
    """What an earlier run recorded of the files; nothing where there is no such record."""
    try:
        return {each["name"]: FetchedFile(**each) for each in json.loads(record.read_text(encoding="utf-8"))["files"]}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _write_record(public: PublicSet, known: dict[str, FetchedFile], folder: Path) -> None:
    told = {name: asdict(public)[name] for name in ("name", "title", "page", "licence", "citation")}
    write_json(folder / RECORD_NAME, told | {"files": list(known.values())}, indent=2)
