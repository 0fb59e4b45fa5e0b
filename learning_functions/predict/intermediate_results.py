"""What each model of a run found, kept beside the results so that a later run can go on from any of them.

``NAME_stages.json`` tells, after each stage, all findings but the maps and which file holds each map. A map that a
later stage replaced lies in ``stages/TASK/``, named as the last one is in the folder itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from learning_functions.task import task_names
from utility_functions.files.atomic_write import write_text
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.images import read_image, read_label_map, write_image
from utility_functions.files.json_records import from_plain, to_plain
from utility_functions.files.provenance import DESCRIPTION, GENERATOR, is_prediction
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings

RECORD = "_stages.json"
FOLDER = "stages"
FORMAT = 1
START = "start"
"""The folder of maps that a run was given and that its first models replaced."""
MAP_ENDINGS = {
    "detection": "_detection.nii.gz",
    "instances": "_vertebrae.nii.gz",
    "heatmap": "_heatmap.nii.gz",
    "vertebra_heat": "_vertebra_heat.nii.gz",
    "structures": "_structures.nii.gz",
    "numbered": "_numbered.nii.gz",
}
"""What the file of each map of findings ends in, after the scan's id."""
HEAT = ("heatmap", "vertebra_heat")
"""Maps that are no labels."""


@dataclass(frozen=True)
class Stage:
    """tasks: of the model that ran, or of all whose findings a run started from. findings: all that was known then."""

    tasks: tuple[str, ...]
    findings: Findings


@dataclass(frozen=True)
class KeptStage:
    """A stage read back: its findings without maps, and the file of each map by field.

    tasks: all that ran up to it. written: the landmarks of the run's last stage, which its centroid files tell.
    """

    tasks: tuple[str, ...]
    findings: Findings
    maps: dict[str, Path]
    written: Landmarks | None

    @property
    def fields(self) -> set[str]:
        """The findings that are there."""
        return {*self.maps, *(["landmarks"] if self.findings.landmarks is not None else [])}


def write_stages(stages: Sequence[Stage], folder: Path) -> None:
    """Write the record of a scan's stages, and the maps that later ones replaced; the last maps are there already."""
    case_id, last = stages[-1].findings.case_id, stages[-1].findings.maps
    told: list[dict[str, Any]] = []
    files: dict[int, Path] = {}  # by the map's identity: models hand on what they do not replace
    for stage in stages:
        for field, found in stage.findings.maps.items():
            if id(found) in files:
                continue
            place = folder if last.get(field) is found else folder / FOLDER / (stage.tasks[-1] if told else START)
            files[id(found)] = place / f"{case_id}{MAP_ENDINGS[field]}"
            if place != folder:
                write_image(found, files[id(found)], DESCRIPTION)
        maps = {field: files[id(found)].relative_to(folder).as_posix() for field, found in stage.findings.maps.items()}
        bare = stage.findings.having(**dict.fromkeys(maps))
        told.append({"tasks": stage.tasks, "maps": maps, "findings": to_plain(bare)})
    record = {"generator": GENERATOR, "format": FORMAT, "stages": told}
    write_text(folder / f"{case_id}{RECORD}", json.dumps(record, allow_nan=False) + "\n")


def replaced_maps(case_id: str, folder: Path) -> list[Path]:
    """Where maps of a scan that later stages replaced can lie."""
    places = [folder / FOLDER / name for name in (START, *task_names())]
    return [place / f"{case_id}{ending}" for place in places for ending in MAP_ENDINGS.values()]


def stage_before(folder: Path, case_id: str, tasks: Collection[str]) -> KeptStage:
    """The stage that a scan had come to in an earlier run before any of these ``tasks`` ran there.

    Raises: BrokenFile where the run kept no stages of the scan; ValueError where nothing found before those is kept.
    """
    path = folder / f"{case_id}{RECORD}"
    if not path.is_file():
        raise BrokenFile(f"{path}: is not there; an earlier run keeps it with --save-intermediate.")
    stages = _read(path, folder, case_id)
    before = [stage for stage in stages if not set(stage.tasks) & set(tasks)]
    if not before or not before[-1].fields:
        again = sorted(set(stages[-1].tasks) & set(tasks))
        raise ValueError(
            f"{folder} keeps nothing of {case_id} that was found before {', '.join(again)}, which is to run again. "
            f"Received: {path}."
            if again
            else f"{path}: nothing was found in that run that another model could go on from."
        )
    return before[-1]


def read_maps(stage: KeptStage, grid: Grid) -> dict[str, Volume]:
    """The maps of a stage, on the scan's ``grid``. Raises: BrokenFile, ValueError for a map of another grid."""
    found: dict[str, Volume] = {}
    for field, path in stage.maps.items():
        if not path.is_file():
            raise BrokenFile(f"{path}: is not there, though the record of the scan's stages names it.")
        if not is_prediction(path):
            raise BrokenFile(f"{path}: does not bear this program's mark, so it is not what the earlier run found.")
        read = read_image(path) if field in HEAT else read_label_map(path)
        read.grid.require_same(grid, f"{path} and the scan {stage.findings.case_id}")
        kind = Volume if field in HEAT else LabelMap
        found[field] = kind(read.voxels.astype(np.float16) if field in HEAT else read.voxels, grid)
    return found


def _read(path: Path, folder: Path, case_id: str) -> list[KeptStage]:
    stages: list[KeptStage] = []
    tasks: tuple[str, ...] = ()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["generator"] != GENERATOR or record["format"] != FORMAT:
            raise ValueError(f"made by {record['generator']}, format {record['format']}")
        if not record["stages"]:
            raise ValueError("it has no stage")
        for told in record["stages"]:
            findings = from_plain(Findings, told["findings"])
            if findings.case_id != case_id:
                raise ValueError(f"it is of {findings.case_id}")
            maps = {field: folder / name for field, name in told["maps"].items() if field in MAP_ENDINGS}
            tasks = (*tasks, *map(str, told["tasks"]))
            stages.append(KeptStage(tasks, findings, maps, None))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenFile(f"{path}: is no record of a scan's stages that can be used ({error}).") from error
    return [replace(stage, written=stages[-1].findings.landmarks) for stage in stages]
