"""Training of one network from sample files: compile, fit, checkpoint, resume, and the finished model."""

from __future__ import annotations

import csv
import importlib.util
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras

from learning_functions.running.model_file import save_model
from learning_functions.running.plain_errors import in_plain_words
from learning_functions.samples.appearance import Appearance
from learning_functions.samples.augmentation import Augmentation
from learning_functions.samples.batches import epoch_batches
from learning_functions.samples.fingerprint import fingerprint
from learning_functions.samples.store import SampleStore
from learning_functions.task import Objective, Settings, Task, load_task
from learning_functions.training.checkpoints import Checkpoints, Progress
from learning_functions.training.devices import precision
from learning_functions.training.epoch_bar import EpochBar
from learning_functions.training.inputs import augmentation_kind, check_inputs
from utility_functions.files.writing import written_whole
from utility_functions.reporting.plots import curves
from utility_functions.reporting.versions import versions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """How to train, where it is not the network's own matter."""

    seed: int = 1
    resume: bool = False
    augment: str | None = None  # None: as the preset says
    mixed_precision: bool = False
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"A seed is zero or above, and below 2**32. Received: {self.seed}.")
        if self.tensorboard is not None and importlib.util.find_spec("tensorboard") is None:
            raise ValueError(
                "Logs for TensorBoard need the package tensorboard: install the extra 'track'. "
                f"Received: --tensorboard {self.tensorboard}."
            )


def train(
    training_path: Path,
    validation_path: Path,
    model_path: Path,
    change: Callable[[Settings], Settings],
    training: Training,
) -> Progress:
    """Train the network of the task named in the sample files and save the best epoch's at ``model_path`` (.h5)."""
    store, validation = check_inputs(training_path, validation_path, model_path, training.augment)
    task = load_task(store.task)
    settings = change(Settings.from_json(store.settings))
    objective = task.objective(settings)
    checkpoints = Checkpoints(model_path)
    run = _run_identity(settings, training, store, validation)
    if training.resume and checkpoints.exists():
        progress = checkpoints.progress()
        if progress.run != run:
            changed = [name for name in run if progress.run.get(name) != run[name]]
            raise ValueError(
                f"A run goes on only with the options it began with. Received other: {', '.join(changed)}."
            )
        network = checkpoints.load(progress.epochs, training.mixed_precision)
        log.info("Going on after epoch %d of %d.", progress.epochs, settings.epochs)
    else:
        network = new_network(task, settings, objective, training, store)
        progress = Progress(run=run)  # an earlier run's networks go when this one's first epoch is kept
    if wrong := task.form(settings).misfit(network, settings.spec):  # else it would be found after the last epoch
        raise ValueError(f"The network of the task {store.task} is not of the form that the task tells: {wrong}")
    log.info("%s, %s preset: %d weights.", store.task, settings.preset, network.count_params())
    with in_plain_words("use a smaller --batch or fewer --filters"):
        augmentation = _augmentation(task, settings, augmentation_kind(settings, training.augment), store)
        _fit(network, (store, validation), settings, task, objective, augmentation, training, checkpoints, progress)
    best = checkpoints.load(progress.best_epoch, training.mixed_precision)
    with precision(mixed=False):  # whatever it was trained in
        finished = task.network(settings)
    finished.set_weights(best.get_weights())
    save_model(finished, model_path, _card(store, settings, training, progress, validation))
    return progress


def new_network(
    task: Task, settings: Settings, objective: Objective, training: Training, store: SampleStore
) -> keras.Model:
    """A compiled, untrained network, its weights drawn by the seed."""
    keras.utils.set_random_seed(training.seed)
    with precision(training.mixed_precision):
        network = task.network(settings)
    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        steps = settings.epochs * -(-store.count // settings.batch)
        warm = min(200, steps // 10)
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate / 100, steps - warm, 0.01, warmup_target=settings.learning_rate, warmup_steps=warm
        )
    network.compile(
        optimizer=optimiser(rate, settings.weight_decay),
        loss=objective.loss,
        metrics=_metrics(objective),
        jit_compile=False,  # XLA is 11 times slower on the processor
    )
    return network


def optimiser(rate: Any, weight_decay: float) -> keras.optimizers.Optimizer:
    """Adam or, with a weight decay, AdamW (Loshchilov and Hutter 2019)."""
    if weight_decay == 0:
        return keras.optimizers.Adam(rate)
    return keras.optimizers.AdamW(rate, weight_decay=weight_decay)


def _metrics(objective: Objective) -> Any:
    if isinstance(objective.metrics, Mapping):
        return {name: list(metrics) for name, metrics in objective.metrics.items()}
    return list(objective.metrics)


def begin_epoch(network: keras.Model, epoch: int, epochs: int) -> None:
    """Tell the losses of a compiled network that change over the epochs which of them comes next (the first is 0)."""
    losses = network.loss
    for loss in losses.values() if isinstance(losses, Mapping) else losses if isinstance(losses, list) else [losses]:
        if hasattr(loss, "begin_epoch"):
            loss.begin_epoch(epoch, epochs)


def _augmentation(task: Task, settings: Settings, kind: str, store: SampleStore) -> Augmentation | None:
    if kind == "none":
        return None
    standard: Augmentation = task.augmentation(settings)
    if kind == "standard":
        return standard
    return standard.drawing(Appearance.of(settings.spec, store.tissue_names, standard.spacing_mm))


def _fit(
    network: keras.Model,
    stores: tuple[SampleStore, SampleStore],
    settings: Settings,
    task: Task,
    objective: Objective,
    augmentation: Augmentation | None,
    training: Training,
    checkpoints: Checkpoints,
    progress: Progress,
) -> None:
    """The epochs still to do, each one call of fit() on batches that depend on the seed and the epoch alone."""
    callbacks: list[keras.callbacks.Callback] = []
    if training.tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(str(training.tensorboard)))
    arrange = getattr(task, "arrange", None)
    feed = partial(epoch_batches, batch=settings.batch, seed=training.seed)
    feed = feed if arrange is None else partial(feed, arrange=partial(arrange, settings=settings))
    held_out = feed(stores[1], epoch=0, shuffle=False)
    for epoch in range(progress.epochs, settings.epochs):
        started = time.perf_counter()
        begin_epoch(network, epoch, settings.epochs)
        batches = feed(stores[0], epoch=epoch, shuffle=True, augment=augmentation)
        with EpochBar(epoch + 1, settings.epochs, -(-stores[0].count // settings.batch)) as bar:
            logs = network.fit(
                batches,
                validation_data=held_out,
                initial_epoch=epoch,
                epochs=epoch + 1,
                callbacks=[*callbacks, bar],
                shuffle=False,  # the batches are shuffled as they are read
                verbose=0,
            ).history
        row = {"epoch": epoch + 1.0} | {name: float(values[-1]) for name, values in logs.items()}
        progress.add(row | {"seconds": time.perf_counter() - started}, objective.watched, objective.highest_is_best)
        checkpoints.save(network, progress)
        _write_log(progress, checkpoints.folder)


def _write_log(progress: Progress, folder: Path) -> None:
    names = sorted({name for row in progress.history for name in row}, key=lambda name: (name != "epoch", name))
    with written_whole(folder / "log.csv") as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(progress.history)
    shown = [name for name in names if name not in ("epoch", "seconds")]
    curves({name: [row.get(name, float("nan")) for row in progress.history] for name in shown}, folder / "curves.png")


def _run_identity(
    settings: Settings, training: Training, store: SampleStore, validation: SampleStore
) -> dict[str, Any]:
    """What must be the same for a run to be gone on with; as JSON gives it back."""
    identity = {
        "settings": settings.to_json(),
        "seed": training.seed,
        "augment": augmentation_kind(settings, training.augment),
        "mixed_precision": training.mixed_precision,
        "samples": [
            [each.count, each.seed, each.split, each.case_ids, fingerprint(each)] for each in (store, validation)
        ],
    }
    return dict(json.loads(json.dumps(identity)))


def _card(
    store: SampleStore, settings: Settings, training: Training, progress: Progress, validation: SampleStore
) -> dict[str, Any]:
    """What the model file says of itself."""
    return {
        "format": 1,
        "task": store.task,
        "spec": settings.spec.to_json(),
        "settings": settings.to_json(),
        "training": {
            "epochs": progress.epochs,
            "best_epoch": progress.best_epoch,
            "best": progress.best,
            "log": progress.history[progress.best_epoch - 1],
            "samples": {"training": store.count, "validation": validation.count},
            "scans": {"training": len(store.case_ids), "validation": len(validation.case_ids)},
            "seed": training.seed,
            "augment": augmentation_kind(settings, training.augment),
            "mixed_precision": training.mixed_precision,
            "seconds": sum(row["seconds"] for row in progress.history),
        },
        "versions": versions(),
    }
