"""The findings of each model of a run, saved beside the results so that a later run can continue from any of them.

``NAME_stages.json`` holds the findings of each stage without the maps, and the file of each map. The maps are in
``stages/TASK/`` on the grids they were found on. So a continued run gives the results of one uninterrupted run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from learning_functions.predict.stage import Stage
from learning_functions.task import task_names
from utility_functions.files.atomic_write import write_json
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.images import read_image, read_label_map, write_image
from utility_functions.files.probability_files import read_probabilities, write_probabilities
from utility_functions.files.provenance import DESCRIPTION, GENERATOR, is_prediction
from utility_functions.files.stored_image import MOST_STRAIGHTENED_VOXELS
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.json_records import from_json, parsed_json
from utility_functions.records.findings import MAP_ENDINGS, Findings, StageFindings
from utility_functions.records.map_kinds import KINDS, ClassProbabilities

RECORD = "_stages.json"
FOLDER = "stages"
FORMAT = 2
START = "start"
"""The folder of the initial maps of a run."""
PROBABILITIES_ENDING = "_probabilities.npz"
IMAGE, PROBABILITIES = "image", "probabilities"
"""The kinds of maps without labels; a label map has the name of its type."""


@dataclass(frozen=True)
class StoredMap:
    """The file of a map, its affine, and its kind: IMAGE, PROBABILITIES or the name of a type of KINDS.

    affine: of the grid it was found on; image files keep rounded values.
    """

    path: Path
    kind: str
    affine: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class KeptStage:
    """The findings of a scan after some stage, read back without the maps.

    tasks: all that ran up to it. maps: the files of the maps found by then. written: the landmarks of the run's last
    stage, which its centroid files hold.
    """

    tasks: tuple[str, ...]
    findings: Findings
    maps: dict[str, StoredMap]
    written: Landmarks | None

    @property
    def fields(self) -> set[str]:
        """The names of the findings that are there."""
        return {*self.maps, *(["landmarks"] if self.findings.landmarks is not None else [])}


def write_stages(stages: Sequence[Stage], folder: Path) -> None:
    """Write the record of a scan's stages, and the maps of each."""
    case_id = stages[-1].findings.case_id
    entries: list[dict[str, Any]] = []
    for place, stage in enumerate(stages):
        kept = folder / FOLDER / (stage.tasks[-1] if place else START)
        maps = {name: _write_map(found, kept / case_id, name) for name, found in _maps_of(stage.found).items()}
        bare = stage.found.having(**dict.fromkeys(maps))
        files = {
            name: {"file": at.path.relative_to(folder).as_posix(), "kind": at.kind, "affine": at.affine}
            for name, at in maps.items()
        }
        entries.append({"tasks": stage.tasks, "maps": files, "found": bare})
    grid = {"shape": stages[-1].findings.grid.shape, "affine": stages[-1].findings.grid.affine}
    record = {"generator": GENERATOR, "format": FORMAT, "case_id": case_id, "grid": grid, "stages": entries}
    write_json(folder / f"{case_id}{RECORD}", record)


def stage_maps(case_id: str, folder: Path) -> list[Path]:
    """All paths that the maps of a scan's stages can have."""
    places = [folder / FOLDER / name for name in (START, *task_names())]
    endings = [*MAP_ENDINGS.values(), *(_probabilities_ending(ending) for ending in MAP_ENDINGS.values())]
    return [place / f"{case_id}{ending}" for place in places for ending in endings]


def stage_before(folder: Path, case_id: str, tasks: Collection[str]) -> KeptStage:
    """The last stage of a scan in an earlier run before any of these ``tasks`` ran there.

    Raises: BrokenFile where the run saved no stages of the scan; ValueError where it has no findings before the tasks.
    """
    path = folder / f"{case_id}{RECORD}"
    if not path.is_file():
        raise BrokenFile(f"{path}: is not there; a run saves it with --save-intermediate.")
    stages = _read(path, folder, case_id)
    before = [stage for stage in stages if not set(stage.tasks) & set(tasks)]
    if not before or not before[-1].fields:
        again = sorted(set(stages[-1].tasks) & set(tasks))
        raise ValueError(
            f"{folder} has no findings of {case_id} from before {', '.join(again)}, which is to run again. "
            f"Received: {path}."
            if again
            else f"{path}: that run has no findings that another model could continue from."
        )
    return before[-1]


def read_maps(stage: KeptStage) -> dict[str, Volume | ClassProbabilities]:
    """The maps of a stage, on the grids they were found on. Raises: BrokenFile where one is missing or not ours."""
    return {name: _read_map(stored) for name, stored in stage.maps.items()}


def _maps_of(found: StageFindings) -> dict[str, Volume | ClassProbabilities]:
    maps = {name: getattr(found, name) for name in MAP_ENDINGS}
    return {name: value for name, value in maps.items() if value is not None}


def _probabilities_ending(ending: str) -> str:
    return ending.removesuffix(".nii.gz") + PROBABILITIES_ENDING


def _write_map(found: Volume | ClassProbabilities, start: Path, name: str) -> StoredMap:
    """Write a map; ``start`` is its path without an ending."""
    ending, affine = MAP_ENDINGS[name], tuple(tuple(row) for row in found.grid.affine.tolist())
    if isinstance(found, ClassProbabilities):
        path = start.with_name(start.name + _probabilities_ending(ending))
        write_probabilities(found, path, GENERATOR)
        return StoredMap(path, PROBABILITIES, affine)
    path = start.with_name(start.name + ending)
    write_image(found, path, DESCRIPTION)
    return StoredMap(path, type(found).__name__ if type(found).__name__ in KINDS else IMAGE, affine)


def _read_map(stored: StoredMap) -> Volume | ClassProbabilities:
    path = stored.path
    if not path.is_file():
        raise BrokenFile(f"{path}: is not there, though the record of the scan's stages names it.")
    if not is_prediction(path):
        raise BrokenFile(f"{path}: has no provenance stamp of this program, so the earlier run did not write it.")
    if stored.kind == PROBABILITIES:
        return read_probabilities(path)
    read = read_image(path) if stored.kind == IMAGE else read_label_map(path)
    grid = Grid(read.grid.shape, np.array(stored.affine, float))
    written = grid if grid.differences(grid.right_angled(), MOST_STRAIGHTENED_VOXELS) else grid.right_angled()
    read.grid.require_same(written, f"{path} and the record of the scan's stages")
    if stored.kind == IMAGE:
        return Volume(read.voxels.astype(np.float16), grid)
    return KINDS[stored.kind](read.voxels, grid)


def _read(path: Path, folder: Path, case_id: str) -> list[KeptStage]:
    """The stages of a record, each with all findings up to it."""
    kept: list[KeptStage] = []
    tasks: tuple[str, ...] = ()
    maps: dict[str, StoredMap] = {}
    try:
        record = parsed_json(path.read_text(encoding="utf-8"))
        if record["generator"] != GENERATOR or record["format"] != FORMAT:
            raise ValueError(f"made by {record['generator']}, format {record['format']}")
        if record["case_id"] != case_id:
            raise ValueError(f"it belongs to {record['case_id']}")
        if not record["stages"]:
            raise ValueError("it has no stage")
        x, y, z = (int(size) for size in record["grid"]["shape"])
        grid = Grid((x, y, z), np.array(record["grid"]["affine"], float))
        findings = Findings(case_id, grid)
        for entry in record["stages"]:
            findings = findings.merged(from_json(StageFindings, entry["found"]))
            maps = {**maps, **{name: _stored(folder, at) for name, at in entry["maps"].items() if name in MAP_ENDINGS}}
            tasks = (*tasks, *map(str, entry["tasks"]))
            kept.append(KeptStage(tasks, findings, maps, None))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenFile(f"{path}: is no usable record of a scan's stages ({error}).") from error
    written = kept[-1].findings.landmarks
    return [KeptStage(stage.tasks, stage.findings, stage.maps, written) for stage in kept]


def _stored(folder: Path, entry: dict[str, Any]) -> StoredMap:
    kind = str(entry["kind"])
    if kind not in (IMAGE, PROBABILITIES, *KINDS):
        raise ValueError(f"it holds a map of an unknown kind {kind!r}")
    affine = tuple(tuple(float(value) for value in row) for row in entry["affine"])
    return StoredMap(folder / str(entry["file"]), kind, affine)
