"""The models given, run on one scan in the order in which each one's needs are met."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from learning_functions.model_files.pretrained import SHIPPED as SHIPPED
from learning_functions.model_files.pretrained import SHIPPED_MODELS as SHIPPED_MODELS
from learning_functions.model_files.pretrained import shipped
from learning_functions.predict.intermediate_results import Stage
from learning_functions.predict.stage_order import in_running_order
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.plain_errors import in_plain_words
from learning_functions.task import Running
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings


def load_models(paths: Sequence[str | Path] = ()) -> list[TrainedModel]:
    """The models at ``paths``, or those shipped when none is given, in running order."""
    return in_running_order(loaded([Path(path) for path in paths] or shipped()))


def loaded(paths: Sequence[Path]) -> list[TrainedModel]:
    """The models at ``paths``, in the order given."""
    return [TrainedModel.load(path) for path in paths]


def run_models(
    models: Sequence[TrainedModel], volume: Volume, case_id: str = "scan", running: Running | None = None
) -> Findings:
    """All that the models find in one scan, on its own grid; ``case_id`` stands in messages and files."""
    running = running or Running()
    start = Stage((), Findings(case_id, volume.grid))
    return deque(run_stages(models, volume, start, running), maxlen=1).pop().findings


def run_stages(models: Sequence[TrainedModel], volume: Volume, start: Stage, running: Running) -> Iterator[Stage]:
    """The start, and then what is known of one scan after each model, on its own grid."""
    yield start
    findings = start.findings
    for model in models:
        with in_plain_words(f"allow less than the {running.memory_gb:g} GB of --memory-gb"):
            findings = model.run(volume, findings, running)
        yield Stage((model.task_name,), findings)
