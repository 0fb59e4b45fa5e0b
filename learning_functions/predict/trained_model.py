"""A saved network with all it needs to run on any scan: it reorients, resamples, predicts and restores."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from learning_functions.inference.patient_orientation import in_the_patients_frame
from learning_functions.inference.sliding_window import flexible
from learning_functions.model_files.model_file import load_model
from learning_functions.samples.cut.sources import seen_part, storable
from learning_functions.spec import Spec, air_of
from learning_functions.stored_settings import settings_from_card
from learning_functions.task import Running, Settings, Task, load_task
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.files.broken_file import BrokenFile
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network, the task it was trained for and the settings it was trained with."""

    path: Path
    task_name: str
    task: Task
    settings: Settings
    network: keras.Model
    card: dict[str, Any]
    statistics: Statistics | None = None
    """Those of naming that the card carries."""

    @classmethod
    def load(cls, path: Path) -> TrainedModel:
        """The model saved at ``path``, compiled again from its card."""
        network, card = load_model(path)
        try:
            task = load_task(card["task"])
            settings = settings_from_card(task, card)
            require_upright_slices(settings.spec)
            statistics = statistics_of(card)
        except ValueError as error:
            raise BrokenFile(f"The card of {path} cannot be used: {error}") from error
        objective = task.objective(settings)
        network = flexible(network)  # once, so that it is traced once for all scans
        network.compile(optimizer=keras.optimizers.Adam(settings.learning_rate), loss=objective.loss, jit_compile=False)
        return cls(Path(path), card["task"], task, settings, network, card, statistics)

    def run(self, volume: Volume, findings: Findings, running: Running) -> Findings:
        """The findings with this model's added, on the grid of ``volume``."""
        missing = [need for need in self.task.needs if getattr(findings, need) is None]
        if missing:
            raise ValueError(f"The {self.task_name} model needs {', '.join(missing)} first. Received: {self.path}.")
        started = time.perf_counter()
        running = replace(running, statistics=running.statistics or self.statistics)
        found = in_the_patients_frame(partial(self._run, running=running), volume, findings)
        return found.timed(self.task_name, time.perf_counter() - started)

    def _run(self, volume: Volume, findings: Findings, running: Running) -> Findings:
        running = replace(running, scan=volume.grid)
        spec = self.settings.spec
        grid = self.settings.grid_of(seen_part(volume, self.settings).grid)
        stored = storable(volume, spec)  # as samples hold it
        air = air_of(stored.voxels)
        image = resample(stored, grid, fill=air)
        # statistics of what was scanned, not of the air around it
        offset, scale = spec.offset_and_scale(stored.voxels)
        image = image.with_voxels(spec.normalise(image.voxels, offset, scale))
        beyond = spec.normalise(np.array(air), offset, scale)
        placed = _onto(findings, grid)
        found = self.task.predict(self.network, self.settings, image, placed, float(beyond), running)
        restored = _onto(found, volume.grid)

        def image_at(finer: Grid) -> Volume:
            seen = resample(stored, finer, fill=air)
            return seen.with_voxels(spec.normalise(seen.voxels, offset, scale))

        restored = self.task.refine(self.network, self.settings, image_at, found, restored, float(beyond))
        maps = {**findings.maps, **restored.maps}
        new = {name for name, each in found.maps.items() if each is not placed.maps.get(name)}
        may = new.intersection(self.task.may_give)
        kept = {name: getattr(findings, name) for name in maps if name not in (*self.task.gives, *may)}
        return restored.having(**kept)


def _onto(findings: Findings, grid: Grid) -> Findings:
    """The findings with every map on ``grid``."""
    return findings.having(grid=grid, **{name: resample(found, grid) for name, found in findings.maps.items()})


def statistics_of(card: dict[str, Any]) -> Statistics | None:
    """The statistics of naming that a card has learnt, if any: what `Statistics.to_json` gives, as text or as a tree.

    Raises: ValueError where they are none.
    """
    told = card.get("learnt", {}).get("statistics")
    if told is None:
        return None
    return Statistics.from_json(told if isinstance(told, str) else json.dumps(told))


def require_upright_slices(spec: Spec) -> None:
    """Raises ValueError unless the first axis runs between left and right and the third upwards.

    Tiles, sagittal slices and naming count on it; the second then runs between front and back.
    """
    if spec.axcodes[0] not in "RL" or spec.axcodes[2] != "S":
        raise ValueError(
            f"Models see scans with left and right along the first axis and upwards along the third, as in RAS or LPS. "
            f"Received: {spec.axcodes}."
        )
