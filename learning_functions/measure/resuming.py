"""The records of finished scans, with which a later run skips them and still reports them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from learning_functions.options import InferenceOptions
from utility_functions.files.atomic_write import write_json
from utility_functions.files.cases import Case
from utility_functions.files.provenance import GENERATOR
from utility_functions.json_records import from_json, parsed_json, to_json
from utility_functions.reporting.results import ModelRecord, ScanRow
from utility_functions.reporting.versions import PACKAGE, versions

log = logging.getLogger(__name__)

RECORD_ENDING = "_findings.json"
"""The ending of a scan's record, after its id; it is the last file to be written, so the others are complete."""
TRAIL_DRAWN, STRUCTURES_DRAWN = "_trail.png", "_structures.png"
FORMAT = 2

Conditions = dict[str, Any]


def conditions_of(models: Sequence[ModelRecord], options: InferenceOptions) -> Conditions:
    """What determines the results: the models by their hash, the options that can change results, and the version."""
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
    initial: Sequence[Path] = (),
) -> None:
    """Write the record of a finished scan: its row of tables and reports, and the conditions of the measurement.

    files: its result files; where one is missing later, the scan is not finished. initial: the files of its initial
    findings; where one changes, the scan is measured again.
    """
    record = {
        "generator": GENERATOR,
        "format": FORMAT,
        "conditions": conditions,
        "inputs": _inputs(case, initial),
        "files": [path.relative_to(folder).as_posix() for path in files],
        "picture": None if row.picture is None else row.picture.name,
        "row": replace(row, picture=None),
    }
    write_json(folder / f"{case.case_id}{RECORD_ENDING}", record)


def finished_row(case: Case, conditions: Conditions, folder: Path, initial: Sequence[Path] = ()) -> ScanRow | None:
    """The row of a scan from an earlier run; None where the scan is not finished, or its files changed.

    Raises: ValueError where it was measured with other models or options.
    """
    path = folder / f"{case.case_id}{RECORD_ENDING}"
    if not path.is_file():
        return None
    try:
        record = parsed_json(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']}")
        known = {part: record["conditions"][part] for part in ("models", "options")}
        known["order"] = record["conditions"].get("order", conditions["order"])
        kinds = {"models": dict, "options": dict, "order": list}
        if not all(isinstance(known[part], kind) for part, kind in kinds.items()):
            raise ValueError("its conditions are none")
        differences = _differences(known, conditions)
        row = from_json(ScanRow, record["row"])
        unchanged = record["inputs"] == to_json(_inputs(case, initial))
        whole = all((folder / name).is_file() for name in record["files"])
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s is no usable record (%s); the scan is measured again.", path, error)
        return None
    if differences:
        raise ValueError(
            f"{case.case_id} was measured with other models or options before; choose another output folder or leave "
            f"out --skip-existing. Received: {'; '.join(differences)}."
        )
    if not unchanged or not whole:
        log.info("%s: %s, so it is measured again.", case.case_id, "files are missing" if unchanged else "it changed")
        return None
    return replace(row, picture=folder / record["picture"] if record["picture"] else None)


def _differences(before: Conditions, now: Conditions) -> list[str]:
    """The models, by hash, and the options in which two runs differ, in words."""
    found = [f"without {path}" for sha, path in now["models"].items() if sha not in before["models"]]
    found += [f"with {path} as it was then" for sha, path in before["models"].items() if sha not in now["models"]]
    if not found and before["order"] != now["order"]:
        found = [f"models in the order {', '.join(before['order'])}, now {', '.join(now['order'])}"]
    old, new = before["options"], now["options"]
    names = sorted({*old, *new})
    return found + [f"{name} {old.get(name)}, now {new.get(name)}" for name in names if old.get(name) != new.get(name)]


def _inputs(case: Case, initial: Sequence[Path] = ()) -> list[list[Any]]:
    """The identity of a scan's files: name, size and time of change; for a phantom, its description."""
    if case.phantom is not None:
        return [[repr(case.phantom)], *map(_file_identity, initial)]
    found: list[list[Any]] = [[case.label_code]]
    for path in filter(None, (case.image_path, case.landmarks_path, case.label_map_path)):
        for file in sorted(path.iterdir() if path.is_dir() else _with_voxels(path)):
            if file.is_file():
                found.append(_file_identity(file))
    return [*found, *map(_file_identity, initial)]


def _file_identity(file: Path) -> list[Any]:
    status = file.stat()
    return [file.name, status.st_size, status.st_mtime_ns]


def _with_voxels(path: Path) -> list[Path]:
    """A file and, where it is only a header, the files of its name that may hold the voxels."""
    if path.suffix.lower() not in (".mhd", ".nhdr"):
        return [path]
    return [file for file in path.parent.iterdir() if file.name.split(".")[0] == path.name.split(".")[0]]
