"""The base classes of task options: types, defaults and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from learning_functions.task_options.orientation_check import OrientationCheck
from utility_functions.json_records import from_json, to_json

Augment = Literal["none", "standard", "synth"]
"""Augmentation: none, changes of shape and intensity, or appearances sampled from tissue maps."""
Norm = Literal["none", "batch", "group"]
"""How a network normalises between its layers."""


@dataclass(frozen=True)
class Changes:
    """Probabilities and amounts of augmentation in training; see samples/augment/augmentation.py.

    flip, turn, elastic, intensity, noise, blur, crop, shift: the probability of each change.
    contrast, brightness: the largest relative and absolute change of the normalised intensities.
    """

    flip: float = 0.5
    turn: float = 0.5
    elastic: float = 0.5
    intensity: float = 0.5
    noise: float = 0.3
    blur: float = 0.2
    crop: float = 0.0
    shift: float = 0.0
    contrast: float = 0.2
    brightness: float = 0.1


USUAL_CHANGES = Changes()


@dataclass(frozen=True)
class TaskOptions:
    """Options of a task, written into sample files and cards; each task has a subclass with its own.

    Every field has a default, mostly the published value. The default also applies where an older file lacks the field.

    augment: the augmentation in training, unless the call of training names another.
    gradient_norm: longer gradients are clipped to this norm; None: no clipping.
    """

    augment: Augment = "none"
    gradient_norm: float | None = None

    def __post_init__(self) -> None:
        kind: Any = type(self)  # types are hashable, which mypy does not see of this one
        for name, known in _choices(kind).items():
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"The option {name} is one of {', '.join(map(str, known))}. Received: {value!r}.")

    @property
    def resized(self) -> bool:
        """Whether each scan is resized to the patch, whatever its spacing; a field where a task has the choice."""
        return False

    @property
    def cropped(self) -> bool:
        """Whether scans are cropped to the body first; a field where a task has the choice."""
        return False

    @property
    def graph(self) -> str:
        """Which of several graphs the network has; a field where a task has more than one."""
        return ""

    @property
    def counted(self) -> bool:
        """Whether vertebrae are counted and not named; a field where a task has the choice."""
        return False

    @property
    def orientation(self) -> OrientationCheck | None:
        """The thresholds of the check of patient orientation; a field where a task's models can do it."""
        return None

    @property
    def weights(self) -> tuple[float, ...] | None:
        """The class weights of the loss; a field where a task has such a loss."""
        return None

    def changed(self, **values: Any) -> Self:
        """These options with other values. Raises: ValueError for an option that the task does not have."""
        self._require_known(values)
        return replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        return dict(to_json(self))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The options that a file holds, with defaults where it lacks one. Raises: ValueError, in one sentence."""
        if not isinstance(values, Mapping):
            raise ValueError(f"Options are given by their names. Received: {values!r}.")
        cls._require_known(values)
        try:
            return from_json(cls, dict(values))
        except ValueError as error:
            raise ValueError(f"The options of this task cannot be used: {error} Received: {dict(values)}.") from error

    @classmethod
    def _require_known(cls, values: Mapping[str, Any]) -> None:
        known = sorted(each.name for each in fields(cls))
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"The options of this task are {', '.join(known)}. Received: {', '.join(unknown)}.")


@dataclass(frozen=True)
class MirroredOptions(TaskOptions):
    """Options of tasks whose networks can also predict on mirrored images.

    mirrored_inference: whether a prediction is the mean over the image and its left-right mirror image. The published
        systems do not do so.
    """

    mirrored_inference: bool = False


@cache
def _choices(kind: Any) -> dict[str, tuple[Any, ...]]:
    """The permitted values of each field that has a choice."""
    hints = get_type_hints(kind)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
