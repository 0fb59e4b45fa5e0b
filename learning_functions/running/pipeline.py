"""The models given, run on one scan in the order in which each one's needs are met."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from learning_functions.running.plain_errors import in_plain_words
from learning_functions.running.trained_model import TrainedModel
from learning_functions.task import Running
from utility_functions.anatomy.findings import Findings
from utility_functions.geometry.volume import Volume

SHIPPED = Path(__file__).resolve().parents[2] / "saved_models"
SHIPPED_MODELS = ("detection.h5", "identification.h5")


def load_models(paths: Sequence[Path]) -> list[TrainedModel]:
    """The models at ``paths``, or those shipped when none is given, in running order."""
    chosen = list(paths) or [SHIPPED / name for name in SHIPPED_MODELS]
    return in_running_order([TrainedModel.load(path) for path in chosen])


def in_running_order(models: Sequence[TrainedModel]) -> list[TrainedModel]:
    """The models so ordered that each finds what it needs, and where it can what it uses besides.

    Where two give the same finding, that of the later one stays. Raises: ValueError where none gives what is needed.
    """
    for model in models:
        same = [str(other.path) for other in models if other.task_name == model.task_name]
        if len(same) > 1:
            raise ValueError(
                f"One model per task can run, and {len(same)} are for {model.task_name}. Received: {', '.join(same)}."
            )
    waiting, ordered = list(models), []
    given: set[str] = set()
    while waiting:
        able = [model for model in waiting if given.issuperset(model.task.NEEDS)]
        ready = next((model for model in able if not _others_give(waiting, model)), able[0] if able else None)
        if ready is None:
            lacking = sorted({need for model in waiting for need in model.task.NEEDS} - given)
            names = ", ".join(f"{model.path} ({model.task_name})" for model in models)
            raise ValueError(f"No model given finds {', '.join(lacking)}, which another needs. Received: {names}.")
        waiting.remove(ready)
        ordered.append(ready)
        given.update(ready.task.GIVES)
    return ordered


def _others_give(waiting: Sequence[TrainedModel], model: TrainedModel) -> bool:
    """Whether a model yet to run gives something that this one uses."""
    uses = set(getattr(model.task, "USES", ()))
    return any(uses.intersection(other.task.GIVES) for other in waiting if other is not model)


def run_models(models: Sequence[TrainedModel], volume: Volume, case_id: str, running: Running) -> Findings:
    """All that the models find in one scan, on its own grid."""
    findings = Findings(case_id, volume.grid)
    with in_plain_words(f"allow less than the {running.memory_gb:g} GB of --memory-gb"):
        for model in models:
            findings = model.run(volume, findings, running)
    return findings
