"""Models of earlier stages that crop samples: they are checked first and run where samples are cut."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from learning_functions.model_files.model_file import read_card, settings_and_signature
from learning_functions.options import InferenceOptions
from learning_functions.task import Task, load_task
from utility_functions.reporting.results import ModelRecord

if TYPE_CHECKING:
    from learning_functions.predict.trained_model import TrainedModel
    from utility_functions.geometry.volume import Volume
    from utility_functions.records.findings import Findings

MEMORY_GB = 2.0
"""The memory for the models in each process that cuts samples."""
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
"""The environment of such a process: TensorFlow computes on one CPU thread, so that all processes find the same."""


@dataclass(frozen=True)
class Cropping:
    """The models whose findings crop the samples of a task; records: file, task and hash of each."""

    paths: tuple[Path, ...]
    records: tuple[dict[str, str], ...]


def requested_cropping(task_name: str, paths: Sequence[Path]) -> Cropping | None:
    """The models that crop the samples of a task; None where there are none.

    Raises: ValueError or BrokenFile, in one sentence, for a task whose samples no model crops, for files that are no
    models, and for models without findings to crop by.
    """
    if not paths:
        return None
    findings = load_task(task_name).cropped_by
    if not findings:
        raise ValueError(f"Samples of {task_name} are cropped by no model. Received: --crop-by {paths[0]}.")
    records, tasks = [], {}
    for path in paths:
        card = read_card(path)
        if card is None:
            raise ValueError(f"A model to crop by is one that train.py saved, with a card. Received: {path}.")
        settings_and_signature(card, path.name)
        if card["task"] in tasks:
            raise ValueError(f"One model per task crops, and two are for {card['task']}. Received: {path}.")
        tasks[card["task"]] = load_task(card["task"])
        records.append({"file": path.name, "task": card["task"], "sha256": ModelRecord.of(path, card).sha256})
    _require_use(task_name, findings, tasks)
    return Cropping(tuple(paths), tuple(records))


def _require_use(task_name: str, findings: Sequence[str], tasks: dict[str, Task]) -> None:
    """Raises ValueError unless each task finds something to crop by, or something that such a task uses."""
    needed, used = set(findings), set[str]()
    while more := {name for name, task in tasks.items() if needed.intersection(task.gives)} - used:
        used |= more
        needed |= {need for name in more for need in (*tasks[name].needs, *tasks[name].uses)}
    if idle := [name for name in tasks if name not in used]:
        raise ValueError(
            f"Samples of {task_name} are cropped by a model that finds {' or '.join(findings)}. "
            f"Received: one of {idle[0]}."
        )
    found = {finding for task in tasks.values() for finding in task.gives}
    for name, task in tasks.items():
        if lacking := [need for need in task.needs if need not in found]:
            raise ValueError(
                f"A model of {name} needs what another finds; name that one by --crop-by, too. "
                f"Received: none that finds {', '.join(lacking)}."
            )


def cropping_models(paths: tuple[Path, ...]) -> list[TrainedModel]:
    """The models in stage order, loaded once in each process that cuts samples.

    Raises: ValueError where TensorFlow has begun in this process, and not on one thread.
    """
    return _loaded(paths, tuple(path.stat().st_mtime_ns for path in paths))


@lru_cache(maxsize=1)
def _loaded(paths: tuple[Path, ...], changed: tuple[int, ...]) -> list[TrainedModel]:
    """changed: when the files were; a worker of a cluster may live longer than they."""
    if "tensorflow" in sys.modules and not ONE_THREAD.items() <= os.environ.items():
        raise ValueError(
            f"TensorFlow has begun on several threads in this worker, so start the workers anew for --crop-by. "
            f"Received: {paths[0]}."
        )
    os.environ.update(ONE_THREAD)
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.predict.pipeline import load_models

    return load_models(paths)


def found_by(models: Sequence[TrainedModel], volume: Volume, case_id: str) -> Findings:
    """The findings of the models in a scan, on its own grid."""
    from learning_functions.predict.pipeline import run_models

    options = InferenceOptions(memory_gb=MEMORY_GB, orientation="header")  # samples keep the header's, too
    return run_models(models, volume, case_id, options)
