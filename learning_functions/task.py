"""The contract of tasks, their settings, and the list of tasks; listing tasks imports none of them.

A task is one module of its name in ``learning_functions/tasks``. It holds ``TASK``, an instance of its subclass of
``Task``. Six methods make a task: samples, network, io_signature, objective, augmentation and predict. They import
Keras only where they need it, so that making samples never does.
"""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from learning_functions.io_signature import IOSignature
from learning_functions.rate_schedule import checked_steps
from learning_functions.setting_sizes import require_sizes
from learning_functions.spec import Spec
from learning_functions.task_options.common_options import TaskOptions
from utility_functions.files.cases import Scan
from utility_functions.geometry.grid import Grid, direction_matrix
from utility_functions.json_records import to_json
from utility_functions.records.findings import Findings, StageFindings
from utility_functions.records.map_kinds import ClassProbabilities

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.store.sample_store import SampleStore


TASKS_FOLDER = Path(__file__).parent / "tasks"
NO_CHOICE: Mapping[str, Any] = MappingProxyType({})

Options = TypeVar("Options", bound=TaskOptions)
ItsOptions = TypeVar("ItsOptions", bound=TaskOptions, covariant=True)


@dataclass(frozen=True)
class Settings(Generic[ItsOptions]):
    """The hyperparameters of a task, written into sample files and cards.

    schedule, rate_steps: of the learning rate (training/learning_rates.py).
    momentum: Keras's momentum of batch normalisation. weight_decay: above 0, AdamW takes the place of Adam.
    options: those of one task alone.
    """

    preset: str
    spec: Spec
    samples_per_scan: int
    filters: int
    levels: int
    momentum: float
    batch: int
    epochs: int
    learning_rate: float
    schedule: str = "constant"
    weight_decay: float = 0.0
    rate_steps: tuple[int, ...] = (10_000, 20_000)
    options: ItsOptions = field(kw_only=True)

    def __post_init__(self) -> None:
        sizes = ("samples_per_scan", "filters", "levels", "batch", "epochs")
        require_sizes({name: getattr(self, name) for name in sizes})
        if not self.learning_rate > 0:
            raise ValueError(f"The learning rate must be above 0. Received: {self.learning_rate}.")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"The weight decay cannot be below 0. Received: {self.weight_decay}.")
        object.__setattr__(self, "rate_steps", checked_steps(self.schedule, self.rate_steps))

    def changed(self, **values: Any) -> Settings[ItsOptions]:
        """These settings with other values; those that are None stay as they are."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def with_options(self, **values: Any) -> Settings[ItsOptions]:
        """These settings with other options; None counts as a value. Raises: ValueError for an unknown option."""
        return replace(self, options=self.options.changed(**values))

    def at_spacing(self, spacing_mm: Sequence[float]) -> Settings[ItsOptions]:
        """These settings at another voxel size, one for all axes or three; the patch keeps its voxels."""
        if self.options.resized:
            raise ValueError(
                "This preset resizes every scan to its patch, so that the spacing cannot be chosen. "
                f"Received: {list(spacing_mm)}."
            )
        if len(spacing_mm) not in (1, 3):
            raise ValueError(f"A spacing is one or three sizes in mm. Received: {list(spacing_mm)}.")
        x, y, z = tuple(spacing_mm) * (3 // len(spacing_mm))
        return self.changed(spec=replace(self.spec, spacing_mm=(x, y, z)))

    def aiming_at(self, task: Task, target: str) -> Settings[ItsOptions]:
        """These settings with another of the task's targets, if it has a choice."""
        if target not in task.targets:
            known = f"one of {', '.join(task.targets)}" if task.targets else "fixed for this task"
            raise ValueError(f"The target is {known}. Received: {target!r}.")
        return self.changed(spec=replace(self.spec, labels=task.targets[target]))

    def choosing(self, task: Task, **chosen: str | None) -> Settings[ItsOptions]:
        """These settings with other choices that the task offers; those that are None stay as they are."""
        requested = {name: value for name, value in chosen.items() if value is not None}
        for name, value in requested.items():
            if value not in task.choices.get(name, ()):
                known = f"one of {', '.join(task.choices[name])}" if name in task.choices else "fixed for this task"
                raise ValueError(f"The {name} is {known}. Received: {value!r}.")
        return self.with_options(**requested)

    def grid_of(self, scan: Grid) -> Grid:
        """The upright grid to resample a scan to: of the spec's spacing or, ``resized``, the patch over all of it."""
        spec = self.spec
        if not self.options.resized:
            return scan.upright(spec.spacing_mm, spec.axcodes)
        extent = np.ptp(scan.corners_mm() @ direction_matrix(spec.axcodes), axis=0)
        return scan.upright(extent / spec.patch, spec.axcodes)

    def to_json(self) -> dict[str, Any]:
        return {**to_json(self), "options": self.options.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], options: type[Options]) -> Settings[Options]:
        """The settings that ``to_json`` gave. Raises: ValueError, in one sentence, where the values are no settings."""
        parsed = {**values, "options": options.from_json(values.get("options", {}))}
        try:
            return Settings(**{**parsed, "spec": Spec.from_json(values["spec"])})
        except (KeyError, TypeError) as error:
            names = ", ".join(values)
            raise ValueError(f"These settings lack or do not know a value ({error}). Received: {names}.") from error


@dataclass(frozen=True, eq=False)
class Sample:
    """One example: inputs (*patch, channels) as stored intensities, targets (...), weights (...) where needed.

    tissues: the tissue of each voxel of ``inputs``, where the scan has a tissue map (samples/augment/appearance.py).
    memory (*patch) or (*patch, k): 0 to 255 per voxel; the last channel, or the last k, of the network's input.
        Augmentation moves it with the image, by nearest neighbours, and it is never normalised.
    numbers (k,): float32, one figure per name in the task's ``numbers``; points among them move with the image too.
    """

    inputs: NDArray[np.int16]
    targets: NDArray[Any]
    weights: NDArray[Any] | None = None
    tissues: NDArray[np.uint8] | None = None
    memory: NDArray[np.uint8] | None = None
    numbers: NDArray[np.float32] | None = None


Arrange = Callable[[Any, Any, Any], tuple[Any, Any]]
"""Targets, weights (or None) and numbers (or None) of a batch -> y and sample weights for Keras."""


@dataclass(frozen=True)
class Objective:
    """The loss that training minimises, its metrics, and the logged value that selects the best epoch (watched).

    loss and metrics: one loss and a list of metrics; for a network of several outputs both by the output's name.
    A loss that changes over the epochs has a method ``begin_epoch(epoch, epochs)``. Training calls it before each epoch
    (the first is 0). It must depend on nothing else, so that a resumed run has the same loss. What changes is a
    variable that one of the metrics holds, too (`iterative_loss.LossWeight`). A loss with trainable weights keeps them
    in a layer of the network, which it looks up in a method ``bind(network)``.
    """

    loss: Any
    metrics: Sequence[Any] | Mapping[str, Sequence[Any]]
    watched: str
    highest_is_best: bool


class Task(ABC, Generic[Options]):
    """The contract of a task; ``settings.options`` are of its own type, ``options_type``."""

    name: ClassVar[str]
    """The name of its file."""
    options_type: type[Options]
    presets: Mapping[str, Settings[Options]]

    published: ClassVar[bool] = True
    """Whether the system was published; the preset ``paper`` is then as published, to the letter."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Findings that ``predict`` requires."""
    gives: ClassVar[tuple[str, ...]] = ()
    """Findings that ``predict`` adds."""
    may_give: ClassVar[tuple[str, ...]] = ()
    """Findings that ``predict`` adds only where the inference options or its own request them."""
    uses: ClassVar[tuple[str, ...]] = ()
    """Findings that ``predict`` uses where another model gives them; the task then runs after that model."""
    cropped_by: ClassVar[tuple[str, ...]] = ()
    """Findings of earlier stages that samples can be cropped by; one is enough (``cropped_samples``)."""
    numbers: ClassVar[tuple[str, ...]] = ()
    """The names of its samples' numbers."""
    sees_images: ClassVar[bool] = True
    """False where samples are landmarks alone, which have no tissues."""
    tells_orientation: ClassVar[bool] = False
    """Whether its models can find the patient orientation; they then run as early as possible."""
    searched: ClassVar[bool] = False
    """Whether its models look all over a scan for the spine, so that a coarse pass can tell them where."""
    targets: ClassVar[Mapping[str, tuple[str, ...]]] = NO_CHOICE
    """The targets by name, each with the classes of its spec (``Settings.aiming_at``)."""
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = NO_CHOICE
    """The options that a user can choose when samples are made, with their values (``Settings.choosing``)."""
    body_reduction: ClassVar[int] = 1
    """Voxels of the input along an axis to one of the network's U-Net, and to one of a task's that initialises it."""
    begins_as: ClassVar[Mapping[str, str]] = NO_CHOICE
    """For a graph (option ``graph``), another graph whose trained weights can initialise it."""

    @abstractmethod
    def samples(self, scan: Scan, settings: Settings[Options], rng: np.random.Generator) -> list[Sample]:
        """Examples cut from one annotated scan."""

    def cropped_samples(
        self, scan: Scan, settings: Settings[Options], rng: np.random.Generator, found: Findings
    ) -> list[Sample]:
        """Examples cropped by earlier stages' findings, on the scan's own grid; only for a task with ``cropped_by``."""
        raise ValueError(f"Samples of {self.name} are cropped by no model. Received: findings of {found.case_id}.")

    @abstractmethod
    def network(self, settings: Settings[Options]) -> keras.Model:
        """An untrained network for the settings' spec."""

    @abstractmethod
    def io_signature(self, settings: Settings[Options]) -> IOSignature:
        """The inputs and outputs of that network, without building it; model files and training are checked by it."""

    @abstractmethod
    def objective(self, settings: Settings[Options]) -> Objective:
        """The loss and metrics for the network's outputs."""

    @abstractmethod
    def augmentation(self, settings: Settings[Options]) -> Any:
        """The ``Augmentation`` that preserves this task's anatomy."""

    def arrange(self, y: Any, w: Any, numbers: Any, settings: Settings[Options]) -> tuple[Any, Any]:
        """The targets of the outputs (for several outputs a dict by their names), and sample weights or None.

        It takes a batch's targets, weights and numbers (None where samples have none) after augmentation, and computes
        in keras.ops. By default targets and weights stay as stored.
        """
        return y, w

    def learnt(
        self, network: keras.Model, settings: Settings[Options], training: SampleStore, validation: SampleStore
    ) -> Options:
        """The options with what is estimated from the samples after training: a temperature, a threshold, statistics.

        The card keeps the options that differ from the settings.
        """
        return settings.options

    def network_for_inference(self, network: keras.Model) -> keras.Model:
        """The network as ``predict`` takes it, made once for each loaded model; by default the network itself."""
        return network

    def shown(self, grid: Grid, findings: Findings) -> Grid:
        """The part of an upright grid over the scan that ``predict`` is shown; by default all of it."""
        return grid

    @abstractmethod
    def predict(self, network: keras.Model, settings: Settings[Options], view: ScanView) -> StageFindings:
        """What this task finds in a scan, without earlier findings; maps may be on any grid."""

    def largest_pass(self, settings: Settings[Options], shape: tuple[int, int, int]) -> float:
        """The most voxels that ``predict`` shows the network at once, of an image of that shape; by default all."""
        return float(max(math.prod(shape), math.prod(settings.spec.patch))) if self.sees_images else 0.0

    def class_probabilities(
        self, network: keras.Model, settings: Settings[Options], view: ScanView
    ) -> ClassProbabilities:
        """The probability of each part at each voxel of the image; only for a task that ``tells_orientation``."""
        raise ValueError(f"A model of {self.name} predicts no parts of vertebrae.")

    def found_in(self, probabilities: ClassProbabilities, settings: Settings[Options]) -> StageFindings:
        """The findings of ``predict`` for these probabilities; only for a task that ``tells_orientation``."""
        raise ValueError(f"A model of {self.name} predicts no parts of vertebrae.")


def task_names() -> tuple[str, ...]:
    """The names of all tasks, from the files that hold them."""
    return tuple(sorted(path.stem for path in TASKS_FOLDER.glob("*.py") if path.stem != "__init__"))


def load_task(name: str) -> Task[Any]:
    """The task of that name."""
    if name not in task_names():
        raise ValueError(f"A task is one of {', '.join(task_names())}. Received: {name!r}.")
    found: Task[Any] = importlib.import_module(f"learning_functions.tasks.{name}").TASK
    return found


def settings_of(task: Task[Options], preset: str) -> Settings[Options]:
    """The task's settings of that preset."""
    if preset not in task.presets:
        raise ValueError(f"A preset is one of {', '.join(sorted(task.presets))}. Received: {preset!r}.")
    return task.presets[preset]
