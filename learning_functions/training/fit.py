"""The training of one network from sample files: compile, fit, checkpoint, resume, and save the finished model."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras

from learning_functions.model_files.model_file import save_model
from learning_functions.runtime.devices import precision
from learning_functions.runtime.plain_errors import in_plain_words
from learning_functions.runtime.seeding import seed_network
from learning_functions.samples.augment.appearance import Appearance
from learning_functions.samples.augment.augmentation import Augmentation
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.sample_store import SampleStore
from learning_functions.stored_settings import settings_from_samples
from learning_functions.task import Objective, Settings, Task, load_task
from learning_functions.training.checkpoints import Checkpoints, Progress
from learning_functions.training.distillation import teacher_network, with_teacher
from learning_functions.training.learnt_options import learnt_besides
from learning_functions.training.progress import EpochBar
from learning_functions.training.run_record import card_of, differences, is_there, run_identity
from learning_functions.training.training_choices import Training
from learning_functions.training.training_inputs import augmentation_kind, check_inputs
from learning_functions.training.warm_start.layer_transfer import take_weights
from utility_functions.files.atomic_write import written_whole
from utility_functions.files.data_split import Fold
from utility_functions.reporting.plots import curves

log = logging.getLogger(__name__)


def train(
    training_path: Path,
    validate_on: Path | Fold,
    model_path: Path,
    change: Callable[[Settings], Settings],
    training: Training,
) -> Progress:
    """Train the network of the task that the sample files name, and save the best epoch at ``model_path`` (.h5).

    validate_on: the second sample file, or the fold of the first file's patients that is held out.
    """
    given = tuple(training.given.values())
    store, validation = check_inputs(training_path, validate_on, model_path, training.augment, given)
    fold = validate_on if isinstance(validate_on, Fold) else None
    task = load_task(store.task)
    settings = change(settings_from_samples(task, store.settings))
    objective = task.objective(settings)
    checkpoints = Checkpoints(model_path)
    run = run_identity(settings, training, store, validation, fold)
    if training.resume and checkpoints.exists():
        progress = checkpoints.progress()
        if progress.run != run:
            raise ValueError(
                "A run resumes only with the options it began with. Received other: "
                f"{', '.join(differences(progress.run, run))}."
            )
        if progress.epochs >= settings.epochs and is_there(
            model_path, card_of(store, settings, training, progress, validation, fold)
        ):
            log.info("All %d epochs are finished already: %s stays as it is.", progress.epochs, model_path)
            return progress
        network = checkpoints.load(progress.epochs, training.mixed_precision)
        log.info("Resuming after epoch %d of %d.", progress.epochs, settings.epochs)
    else:
        network = new_network(task, settings, objective, training, store)
        progress = Progress(run=run)  # the first saved epoch replaces the networks of an earlier run
    if wrong := task.io_signature(settings).misfit(
        network, settings.spec
    ):  # before the first epoch, not after the last
        raise ValueError(f"The network of the task {store.task} does not have the I/O signature of the task: {wrong}")
    learner = network
    if training.teacher is not None:
        learner = with_teacher(network, teacher_network(training.teacher, task, settings), objective, training.teacher)
    log.info("%s, %s preset: %d weights.", store.task, settings.preset, network.count_params())
    with in_plain_words("use a smaller --batch or fewer --filters"):
        augmentation = _augmentation(task, settings, augmentation_kind(settings, training.augment), store)
        state = network, checkpoints, progress
        _fit(learner, (store, validation), settings, task, objective, augmentation, training, state)
    best = checkpoints.load(progress.best_epoch, training.mixed_precision)
    with precision(mixed=False):  # also after a training in mixed precision
        finished = task.network(settings)
    finished.set_weights(best.get_weights())
    card = card_of(store, settings, training, progress, validation, fold)
    if learnt := learnt_besides(task, finished, settings, store, validation):
        card["learnt"] = learnt
    save_model(finished, model_path, card)
    return progress


def new_network(
    task: Task, settings: Settings, objective: Objective, training: Training, store: SampleStore
) -> keras.Model:
    """A compiled network with random weights by the seed, or with those of the model to start from."""
    keras.utils.set_random_seed(training.seed)
    with precision(training.mixed_precision):
        network = task.network(settings)
    if training.start is not None:
        take_weights(network, training.start, store.task)
    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        steps = settings.epochs * -(-store.count // settings.batch)
        warm = min(200, steps // 10)
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate / 100, steps - warm, 0.01, warmup_target=settings.learning_rate, warmup_steps=warm
        )
    network.compile(
        optimizer=optimiser(rate, settings.weight_decay, settings.options.gradient_norm),
        loss=objective.loss,
        metrics=_metrics(objective),
        jit_compile=False,  # XLA is 11 times slower on the processor
    )
    return network


def optimiser(rate: Any, weight_decay: float, gradient_norm: float | None = None) -> keras.optimizers.Optimizer:
    """Adam or, with a weight decay, AdamW (Loshchilov and Hutter 2019). gradient_norm: the global norm to clip at."""
    if weight_decay == 0:
        return keras.optimizers.Adam(rate, global_clipnorm=gradient_norm)
    return keras.optimizers.AdamW(rate, weight_decay=weight_decay, global_clipnorm=gradient_norm)


def _metrics(objective: Objective) -> Any:
    if isinstance(objective.metrics, Mapping):
        return {name: list(metrics) for name, metrics in objective.metrics.items()}
    return list(objective.metrics)


def begin_epoch(network: keras.Model, epoch: int, epochs: int) -> None:
    """Pass the number of the next epoch (the first is 0) to the losses that change over the epochs.

    Losses with learnt parameters (``bind``) receive the network, also when both come from a checkpoint.
    """
    losses = network.loss
    for loss in losses.values() if isinstance(losses, Mapping) else losses if isinstance(losses, list) else [losses]:
        if hasattr(loss, "bind"):
            loss.bind(getattr(network, "student", network))  # never its teacher
        if hasattr(loss, "begin_epoch"):
            loss.begin_epoch(epoch, epochs)


def _augmentation(task: Task, settings: Settings, kind: str, store: SampleStore) -> Augmentation | None:
    if kind == "none":
        return None
    standard: Augmentation = task.augmentation(settings)
    if kind == "standard":
        return standard
    return standard.with_appearance(Appearance.of(settings.spec, store.tissue_names, standard.spacing_mm))


def _fit(
    learner: keras.Model,
    stores: tuple[SampleStore, SampleStore],
    settings: Settings,
    task: Task,
    objective: Objective,
    augmentation: Augmentation | None,
    training: Training,
    state: tuple[keras.Model, Checkpoints, Progress],
) -> None:
    """Run the remaining epochs, each one call of fit(). Their batches depend on the seed and the epoch alone.

    learner: the network itself, or a wrapper around it. state: the network, its checkpoints and its progress.
    """
    network, checkpoints, progress = state
    callbacks: list[keras.callbacks.Callback] = []
    if training.tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(str(training.tensorboard)))
    arrange = partial(task.arrange, settings=settings)
    feed = partial(epoch_batches, batch=settings.batch, seed=training.seed, arrange=arrange)
    held_out = feed(stores[1], epoch=0, shuffle=False)
    for epoch in range(progress.epochs, settings.epochs):
        started = time.perf_counter()
        begin_epoch(learner, epoch, settings.epochs)
        seed_network(network, training.seed, epoch)
        batches = feed(stores[0], epoch=epoch, shuffle=True, augment=augmentation)
        with EpochBar(epoch + 1, settings.epochs, -(-stores[0].count // settings.batch)) as bar:
            logs = learner.fit(
                batches,
                validation_data=held_out,
                initial_epoch=epoch,
                epochs=epoch + 1,
                callbacks=[*callbacks, bar],
                shuffle=False,  # the reader shuffles the batches
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
