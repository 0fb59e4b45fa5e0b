"""Scans that a run has finished: each one's record, by which a later run passes them over and still tells of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from learning_functions.options import InferenceOptions
from utility_functions.files.atomic_write import write_json
from utility_functions.files.cases import Case
from utility_functions.files.provenance import GENERATOR
from utility_functions.json_records import from_json, to_json
from utility_functions.reporting.results import ModelRecord, ScanRow
from utility_functions.reporting.versions import PACKAGE, versions

log = logging.getLogger(__name__)

RECORD_ENDING = "_findings.json"
"""What the record of a scan ends in, after its id; it is written last of all its files, so it marks them as whole."""
TRAIL_DRAWN, STRUCTURES_DRAWN = "_trail.png", "_structures.png"
FORMAT = 2

Conditions = dict[str, Any]


def conditions_of(models: Sequence[ModelRecord], options: InferenceOptions) -> Conditions:
    """What decides on results: the models by their hash, the options that may change results, and the program."""
    by_hash = {model.sha256: str(model.path) for model in models}
    program = versions().get(PACKAGE, "(not installed)")
    return {
        "models": dict(sorted(by_hash.items())),
        "order": [str(model.card.get("task")) for model in models],
        "options": {**options.that_change_results(), "program": program},
    }


def write_record(
    row: ScanRow,
    case: Case,
    conditions: Conditions,
    files: Sequence[Path],
    folder: Path,
    given: Sequence[Path] = (),
) -> None:
    """Mark a scan as finished: all that tables and reports tell of it, and what it was measured with.

    files: those written of it; when one is missing later, the scan counts as not finished. given: files beside the
    scan's own that it was measured with; when one changes, it is measured again.
    """
    record = {
        "generator": GENERATOR,
        "format": FORMAT,
        "conditions": conditions,
        "inputs": _inputs(case, given),
        "files": [path.relative_to(folder).as_posix() for path in files],
        "picture": None if row.picture is None else row.picture.name,
        "row": replace(row, picture=None),
    }
    write_json(folder / f"{case.case_id}{RECORD_ENDING}", record)


def finished_row(case: Case, conditions: Conditions, folder: Path, given: Sequence[Path] = ()) -> ScanRow | None:
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
        known["order"] = record["conditions"].get("order", conditions["order"])
        row = from_json(ScanRow, record["row"])
        unchanged = record["inputs"] == to_json(_inputs(case, given))
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
    if not found and before["order"] != now["order"]:
        found = [f"models in the order {', '.join(before['order'])}, now {', '.join(now['order'])}"]
    old, new = before["options"], now["options"]
    names = sorted({*old, *new})
    return found + [f"{name} {old.get(name)}, now {new.get(name)}" for name in names if old.get(name) != new.get(name)]


def _inputs(case: Case, given: Sequence[Path] = ()) -> list[list[Any]]:
    """What tells the files of a scan from others: name, size and time of change; of a phantom, which one it is."""
    if case.phantom is not None:
        return [[repr(case.phantom)], *map(_known, given)]
    found: list[list[Any]] = [[case.label_code]]
    for path in filter(None, (case.image_path, case.landmarks_path, case.label_map_path)):
        for file in sorted(path.iterdir() if path.is_dir() else _with_voxels(path)):
            if file.is_file():
                found.append(_known(file))
    return [*found, *map(_known, given)]


def _known(file: Path) -> list[Any]:
    seen = file.stat()
    return [file.name, seen.st_size, seen.st_mtime_ns]


def _with_voxels(path: Path) -> list[Path]:
    """A file and, where it is a mere header, the files of its name that may hold its voxels."""
    if path.suffix.lower() not in (".mhd", ".nhdr"):
        return [path]
    return [file for file in path.parent.iterdir() if file.name.split(".")[0] == path.name.split(".")[0]]
