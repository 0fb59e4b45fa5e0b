"""What a task is, which there are, and the values that make one: listing tasks imports none of them.

A task is one module in ``learning_functions/tasks``; its file name is its name. It answers six questions, each with
a plain function (samples, network, form, objective, augmentation, predict), and imports Keras only inside those that
need it, so that making samples never does.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from learning_functions.io_signature import Form
from learning_functions.options import Running as Running
from learning_functions.spec import Spec
from utility_functions.files.cases import Scan
from utility_functions.geometry.grid import Grid, direction_matrix
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings

if TYPE_CHECKING:
    import keras


TASKS_FOLDER = Path(__file__).parent / "tasks"


@dataclass(frozen=True)
class Settings:
    """The numbers that make one form of a task; written into sample files and cards.

    momentum is Keras's momentum of batch normalisation; with a weight_decay AdamW is used instead of
    Adam; options holds what only one task knows.
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
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        as_read = {name: tuple(value) if isinstance(value, list) else value for name, value in self.options.items()}
        object.__setattr__(self, "options", as_read)  # equal again after JSON
        for name in ("samples_per_scan", "filters", "levels", "batch", "epochs"):
            if int(getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        if not self.learning_rate > 0:
            raise ValueError(f"The learning rate must be above 0. Received: {self.learning_rate}.")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"The weight decay cannot be below 0. Received: {self.weight_decay}.")
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f'The schedule is "constant" or "cosine". Received: {self.schedule!r}.')

    def changed(self, **values: Any) -> Settings:
        """These settings with the given values, those that are None left as they are."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def at_spacing(self, spacing_mm: Sequence[float]) -> Settings:
        """These settings at another voxel size, one for all axes or three; the patch keeps its voxels."""
        if self.options.get("resized"):
            raise ValueError(
                "This preset resizes every scan to its patch, so that there is no spacing to choose. "
                f"Received: {list(spacing_mm)}."
            )
        if len(spacing_mm) not in (1, 3):
            raise ValueError(f"A spacing is one or three sizes in mm. Received: {list(spacing_mm)}.")
        x, y, z = tuple(spacing_mm) * (3 // len(spacing_mm))
        return self.changed(spec=replace(self.spec, spacing_mm=(x, y, z)))

    def aiming_at(self, task: Task, target: str) -> Settings:
        """These settings with another of the task's targets, if it has a choice (TARGETS: classes by name)."""
        targets: Mapping[str, tuple[str, ...]] = getattr(task, "TARGETS", {})
        if target not in targets:
            known = f"one of {', '.join(targets)}" if targets else "not to be chosen for this task"
            raise ValueError(f"The target is {known}. Received: {target!r}.")
        return self.changed(spec=replace(self.spec, labels=targets[target]))

    def choosing(self, task: Task, **chosen: str | None) -> Settings:
        """These settings with some options chosen (None: as they are) out of what the task offers (CHOICES)."""
        choices: Mapping[str, tuple[str, ...]] = getattr(task, "CHOICES", {})
        wanted = {name: value for name, value in chosen.items() if value is not None}
        for name, value in wanted.items():
            if value not in choices.get(name, ()):
                known = f"one of {', '.join(choices[name])}" if name in choices else "not to be chosen for this task"
                raise ValueError(f"The {name} is {known}. Received: {value!r}.")
        return self.changed(options={**self.options, **wanted})

    def grid_of(self, scan: Grid) -> Grid:
        """The upright grid on which a scan is seen: of the spec's spacing or, ``resized``, the patch over all of it."""
        spec = self.spec
        if not self.options.get("resized"):
            return scan.upright(spec.spacing_mm, spec.axcodes)
        extent = np.ptp(scan.corners_mm() @ direction_matrix(spec.axcodes), axis=0)
        return scan.upright(extent / spec.patch, spec.axcodes)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        try:
            return cls(**{**values, "spec": Spec.from_json(values["spec"])})
        except (KeyError, TypeError) as error:
            names = ", ".join(values)
            raise ValueError(f"These settings lack or do not know a value ({error}). Received: {names}.") from error


@dataclass(frozen=True, eq=False)
class Sample:
    """One example: inputs (*patch, channels) as stored intensities, targets (...), weights (...) where needed.

    tissues: the tissue of each voxel of ``inputs``, where the scan tells them (see samples/augment/appearance.py).
    memory (*patch) or (*patch, k): what is known beside the image, 0 to 255 per voxel; the last channel, or the last k,
        of what the network sees. It moves with the image, is taken from the nearest voxel and never normalised.
    numbers (k,): float32, one figure for each name in the task's NUMBERS; points among them move with the image too.
    """

    inputs: NDArray[np.int16]
    targets: NDArray[Any]
    weights: NDArray[Any] | None = None
    tissues: NDArray[np.uint8] | None = None
    memory: NDArray[np.uint8] | None = None
    numbers: NDArray[np.float32] | None = None


ImageAt = Callable[[Grid], Volume]
"""The normalised image on any upright grid."""
Arrange = Callable[[Any, Any, Any], tuple[Any, Any]]
"""Targets, weights (or None) and numbers (or None) of a batch -> what Keras is given as y and as sample weights."""


@dataclass(frozen=True)
class Objective:
    """What training minimises (loss), shows (metrics) and picks the best epoch by (watched, as logged).

    loss and metrics: one loss and a list of metrics, or for a network of several outputs both by the output's name.
    A loss that changes over the epochs has a method ``begin_epoch(epoch, epochs)``, called before each one (the first
    is 0); it must depend on nothing else, so that a run gone on with has the same. One that has weights of its own to
    train keeps them in a layer of the network, which it looks for when a method ``bind(network)`` is called.
    """

    loss: Any
    metrics: Sequence[Any] | Mapping[str, Sequence[Any]]
    watched: str
    highest_is_best: bool


class Task(Protocol):
    """The contract of a module in ``learning_functions/tasks``.

    It may also have:

    TARGETS: what there is to learn by name, each the classes of its spec (``Settings.aiming_at``).
    CHOICES: options there is a choice for, each with its values (``Settings.choosing``).
    BEGINS_AS: by a graph (option ``graph``), another one whose trained weights its network can begin with.
    USES: findings that ``predict`` makes use of where another model gives them, so that it runs after that one.
    TELLS_LYING: ``predict`` may tell how the patient lies (``quarters``), so that it runs as early as it can.
    MAY_GIVE: findings that ``predict`` adds only where the running options or its own ask for them.
    NUMBERS: the names of its samples' numbers.
    SEES_IMAGES: False where samples are landmarks alone, which have no tissues.
    CROPPED_BY: findings of earlier stages, by any of which its samples can be cropped.
    cropped_samples(scan, settings, rng, found) -> samples: those, cropped by what was ``found`` (on the scan's own
        grid), as the network will be shown scans when it is run after those stages.
    arrange(y, w, numbers, settings) -> (y, w): what the outputs are held against, made of a batch's targets, weights
        and numbers (None where samples have none) after augmentation, in keras.ops: for several outputs a dict by
        their names. Without it, y and w are as stored.
    refine(network, settings, image_at, found, restored, air) -> Findings: a second look once findings are ``restored``
        to the scan's own grid: those, made better. ``found`` are the same as ``predict`` gave them, on the grid of the
        spec; ``image_at`` gives the normalised image on any other grid (ImageAt).
    learnt(network, settings, training, validation) -> options: what else is learnt of the samples once the network is
        trained (a temperature; ``statistics``, which the naming decoder is to hold usual); kept in the card, and among
        the settings' options when the model is loaded.
    """

    NEEDS: tuple[str, ...]
    """Findings that must be there before ``predict``."""
    GIVES: tuple[str, ...]
    """Findings that ``predict`` adds."""
    PRESETS: Mapping[str, Settings]

    def samples(self, scan: Scan, settings: Settings, rng: np.random.Generator) -> list[Sample]:
        """Examples cut from one annotated scan."""

    def network(self, settings: Settings) -> keras.Model:
        """An untrained network for the settings' spec."""

    def form(self, settings: Settings) -> Form:
        """What that network takes and answers, without making it: every model file and training is held against it."""

    def objective(self, settings: Settings) -> Objective:
        """The loss and metrics for the network's outputs."""

    def augmentation(self, settings: Settings) -> Any:
        """The ``Augmentation`` that keeps this task's anatomy true."""

    def predict(
        self,
        network: keras.Model,
        settings: Settings,
        image: Volume,
        findings: Findings,
        air: float,
        running: Running,
    ) -> Findings:
        """The findings with this task's added.

        ``image`` is normalised, on an upright grid of the spec's spacing and orientation (left and right along the
        first axis, upwards along the third); findings lie on that grid.
        ``air`` is what stands in the image where the scan ends, normalised too.
        """


def task_names() -> tuple[str, ...]:
    """The names of all tasks, from the files that hold them."""
    return tuple(sorted(path.stem for path in TASKS_FOLDER.glob("*.py") if path.stem != "__init__"))


def load_task(name: str) -> Task:
    """The task of that name."""
    if name not in task_names():
        raise ValueError(f"A task is one of {', '.join(task_names())}. Received: {name!r}.")
    return cast(Task, importlib.import_module(f"learning_functions.tasks.{name}"))


def settings_of(task: Task, preset: str) -> Settings:
    """The task's settings of that preset."""
    if preset not in task.PRESETS:
        raise ValueError(f"A preset is one of {', '.join(sorted(task.PRESETS))}. Received: {preset!r}.")
    return task.PRESETS[preset]


def settings_from_card(task: Task, card: Mapping[str, Any]) -> Settings:
    """The settings a card tells; among their options how training augmented, and what it learnt besides the network.

    Where it tells only a preset (old models), that preset with the card's spec.
    """
    values, spec = card["settings"], Spec.from_json(card["spec"])
    if "spec" not in values:
        return settings_of(task, values.get("preset", "paper")).changed(spec=spec)
    settings = Settings.from_json(values)
    if differences := settings.spec.differences(spec):
        raise ValueError(f"Its spec is not that of its settings. Received: {'; '.join(differences)}.")
    told = {name: kind for name, kind in card.get("training", {}).items() if name == "augment" and kind}
    return settings.changed(options={**settings.options, **told, **card.get("learnt", {})})
