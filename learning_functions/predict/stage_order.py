"""The order in which models run: each after those whose findings it needs or uses. Needs no Keras."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from learning_functions.model_files.model_file import read_card
from learning_functions.task import Task, load_task, task_names


class Runnable(Protocol):
    """A model as far as its order depends on it, loaded or not."""

    @property
    def path(self) -> Path: ...

    @property
    def task_name(self) -> str: ...

    @property
    def task(self) -> Task: ...


Model = TypeVar("Model", bound=Runnable)


@dataclass(frozen=True)
class Outline:
    """A model file of which only the card was read."""

    path: Path
    task_name: str
    task: Task


def outlines(paths: Sequence[Path]) -> list[Outline] | None:
    """The tasks of model files, from their cards; None where a card is missing or names no task (loading reports why).

    Raises: BrokenFile for what is no model file.
    """
    cards = [(path, read_card(path)) for path in paths]
    known = [(path, str(card["task"])) for path, card in cards if card is not None and card["task"] in task_names()]
    if len(known) < len(cards):
        return None
    return [Outline(Path(path), name, load_task(name)) for path, name in known]


def in_stage_order(models: Sequence[Model], known: Collection[str] = ()) -> list[Model]:
    """The models in an order in which each finds what it needs and, where possible, what it can use.

    Models that determine the patient orientation run as early as possible, so that all others get the turned scan.
    known: findings that are there before any model runs. Where two models give the same finding, the later one's stays.
    Raises: ValueError where no model gives a needed finding.
    """
    for model in models:
        same = [str(other.path) for other in models if other.task_name == model.task_name]
        if len(same) > 1:
            raise ValueError(
                f"One model per task can run, and {len(same)} are for {model.task_name}. Received: {', '.join(same)}."
            )
    waiting, ordered = sorted(models, key=lambda model: not model.task.tells_orientation), []
    given = set(known)
    while waiting:
        able = [model for model in waiting if given.issuperset(model.task.needs)]
        ready = next((model for model in able if not _others_give(waiting, model)), able[0] if able else None)
        if ready is None:
            lacking = sorted({need for model in waiting for need in model.task.needs} - given)
            raise ValueError(
                f"None of the models finds {', '.join(lacking)}, which another needs. Received: {in_words(models)}."
            )
        waiting.remove(ready)
        ordered.append(ready)
        given.update(ready.task.gives)
    return ordered


def until(models: Sequence[Model], stage: str) -> list[Model]:
    """The models in running order up to that of the task ``stage``. Raises: ValueError where none is of that task."""
    tasks = [model.task_name for model in models]
    if stage not in tasks:
        raise ValueError(f"The stage to stop after is one of the models' tasks, {', '.join(tasks)}. Received: {stage}.")
    return list(models[: tasks.index(stage) + 1])


def refuse_landmark_models(models: Sequence[Runnable]) -> None:
    """Raise a ValueError where a model would replace the supplied landmarks by its own.

    A model that starts from landmarks and segments vertebrae (instances) may run, although it also gives centroids.
    """
    refused = []
    for model in models:
        starts_from = {*model.task.needs, *model.task.uses}
        if "landmarks" in model.task.gives and not ("landmarks" in starts_from and len(model.task.gives) > 1):
            refused.append(model)
    if refused:
        raise ValueError(
            f"Landmarks are supplied, so models that find or name landmarks cannot run. Received: {in_words(refused)}."
        )


def in_words(models: Sequence[Runnable]) -> str:
    """Models as "a.h5 (detection), b.h5 (naming)"."""
    return ", ".join(f"{model.path} ({model.task_name})" for model in models)


def _others_give(waiting: Sequence[Runnable], model: Runnable) -> bool:
    """Whether another waiting model gives something that this one uses."""
    uses = set(model.task.uses)
    return any(uses.intersection(other.task.gives) for other in waiting if other is not model)
