"""Scans that a run has finished: each one's record, by which a later run passes them over and still tells of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from learning_functions.task import Running
from utility_functions.files.cases import Case
from utility_functions.files.marks import GENERATOR, MARKED_ENDINGS
from utility_functions.files.plain_records import from_plain, to_plain
from utility_functions.files.writing import write_text
from utility_functions.reporting.results import ModelRecord, ScanRow
from utility_functions.reporting.versions import PACKAGE, versions

log = logging.getLogger(__name__)

RECORD_ENDING = "_findings.json"
"""What the record of a scan ends in, after its id; it is written last of all its files, so it marks them as whole."""
TRAIL_DRAWN, STRUCTURES_DRAWN = "_trail.png", "_structures.png"
FORMAT = 1

Conditions = dict[str, Any]


def conditions_of(models: Sequence[ModelRecord], running: Running) -> Conditions:
    """What decides on results: the models by their hash, how they are run, but for the memory used, and the program."""
    asked: dict[str, Any] = {"save_intermediate": True} if running.save_intermediate else {}
    asked |= {"lowest": running.lowest} if running.lowest is not None else {}
    by_hash = {model.sha256: str(model.path) for model in models}
    return {
        "models": dict(sorted(by_hash.items())),
        "options": {
            "windows": running.windows,
            "votes": running.votes,
            "partial": running.partial,
            "naming": running.naming,
            "program": versions()[PACKAGE],
            **asked,
        },
    }


def write_record(row: ScanRow, case: Case, conditions: Conditions, files: Sequence[Path], folder: Path) -> None:
    """Mark a scan as finished: all that tables and reports tell of it, and what it was measured with.

    files: those written of it; when one is missing later, the scan counts as not finished.
    """
    record = {
        "generator": GENERATOR,
        "format": FORMAT,
        "conditions": conditions,
        "inputs": _inputs(case),
        "files": [path.name for path in files],
        "picture": None if row.picture is None else row.picture.name,
        "row": to_plain(replace(row, picture=None)),
    }
    write_text(folder / f"{case.case_id}{RECORD_ENDING}", json.dumps(record, allow_nan=False) + "\n")


def forget(case: Case, folder: Path) -> None:
    """Take the mark, and whatever else was found of a scan before, away before its files are written anew."""
    for ending in (RECORD_ENDING, *MARKED_ENDINGS, TRAIL_DRAWN, STRUCTURES_DRAWN):
        (folder / f"{case.case_id}{ending}").unlink(missing_ok=True)


def finished_row(case: Case, conditions: Conditions, folder: Path) -> ScanRow | None:
    """What a run before found in a scan; None where it is to be measured (again): unfinished, or its files changed.

    Raises: ValueError where it was measured with other models or options.
    """
    path = folder / f"{case.case_id}{RECORD_ENDING}"
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']}")
        known = {part: record["conditions"][part] for part in ("models", "options")}
        row = from_plain(ScanRow, record["row"])
        unchanged = record["inputs"] == to_plain(_inputs(case))
        whole = all((folder / name).is_file() for name in record["files"])
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s is no record that can be used (%s); the scan is measured again.", path, error)
        return None
    if differences := _differences(known, conditions):
        raise ValueError(
            f"{case.case_id} was measured otherwise before; choose another output folder or leave out --skip-existing. "
            f"Received: {'; '.join(differences)}."
        )
    if not unchanged or not whole:
        log.info("%s: %s, so it is measured again.", case.case_id, "files are missing" if unchanged else "it changed")
        return None
    return replace(row, picture=folder / record["picture"] if record["picture"] else None)


def _differences(before: Conditions, now: Conditions) -> list[str]:
    """In which models, by hash, and options two runs differ, in words."""
    found = [f"without {path}" for sha, path in now["models"].items() if sha not in before["models"]]
    found += [f"with {path} as it was then" for sha, path in before["models"].items() if sha not in now["models"]]
    old, new = before["options"], now["options"]
    names = sorted({*old, *new})
    return found + [f"{name} {old.get(name)}, now {new.get(name)}" for name in names if old.get(name) != new.get(name)]


def _inputs(case: Case) -> list[list[Any]]:
    """What tells the files of a scan from others: name, size and time of change; of a phantom, which one it is."""
    if case.phantom is not None:
        return [[repr(case.phantom)]]
    found: list[list[Any]] = [[case.label_code]]
    for path in filter(None, (case.image_path, case.landmarks_path, case.label_map_path)):
        for file in sorted(path.iterdir() if path.is_dir() else _with_voxels(path)):
            if file.is_file():
                known = file.stat()
                found.append([file.name, known.st_size, known.st_mtime_ns])
    return found


def _with_voxels(path: Path) -> list[Path]:
    """A file and, where it is a mere header, the files of its name that may hold its voxels."""
    if path.suffix.lower() not in (".mhd", ".nhdr"):
        return [path]
    return [file for file in path.parent.iterdir() if file.name.split(".")[0] == path.name.split(".")[0]]
