"""The training of one network from sample files: compile, fit, checkpoint, resume, and save the finished model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras

from learning_functions.model_files.model_file import save_model
from learning_functions.runtime.devices import precision
from learning_functions.runtime.plain_errors import in_plain_words
from learning_functions.samples.augment.appearance import Appearance
from learning_functions.samples.augment.augmentation import Augmentation
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.replica_shares import in_whole_shares
from learning_functions.samples.store.sample_store import SampleStore
from learning_functions.stored_settings import settings_from_samples
from learning_functions.task import Objective, Settings, Task, load_task
from learning_functions.training.checkpoints import Checkpoints, Progress
from learning_functions.training.distillation import teacher_network, with_teacher
from learning_functions.training.epochs import BetweenEpochs
from learning_functions.training.learning_rates import learning_rate
from learning_functions.training.learnt_options import learnt_besides
from learning_functions.training.progress import EpochBars
from learning_functions.training.replica_learner import ReplicaLearner
from learning_functions.training.run_record import card_of, differences, is_there, run_identity
from learning_functions.training.training_choices import Training
from learning_functions.training.training_inputs import augmentation_kind, check_inputs
from learning_functions.training.warm_start.layer_transfer import take_weights
from losses_and_metrics.replicas import number_of_replicas
from utility_functions.files.data_split import Fold

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
        if different := differences(progress.run, run):
            raise ValueError(
                f"A run resumes only with the options it began with. Received other: {', '.join(different)}."
            )
        progress.plan(settings.epochs)
        if _is_finished(progress, training) and is_there(
            model_path, card_of(store, settings, training, progress, validation, fold)
        ):
            log.info("All %d epochs are finished already: %s stays as it is.", progress.epochs, model_path)
            return progress
        network = checkpoints.load(progress.epochs, training.precision)
        _compile(network, settings, objective, training, store, network.optimizer)
        log.info("Resuming after epoch %d of %d.", progress.epochs, settings.epochs)
    else:
        network = new_network(task, settings, objective, training, store)
        progress = Progress(run=run)  # the first saved epoch replaces the networks of an earlier run
        progress.plan(settings.epochs)
    if wrong := task.io_signature(settings).misfit(
        network, settings.spec
    ):  # before the first epoch, not after the last
        raise ValueError(f"The network of the task {store.task} does not have the I/O signature of the task: {wrong}")
    log.info("%s, %s preset: %d weights.", store.task, settings.preset, network.count_params())
    if not _is_finished(progress, training):
        with in_plain_words("use a smaller --batch or fewer --filters"):
            between = BetweenEpochs(
                network, objective, checkpoints, progress, training.seed, settings.epochs, training.early_stopping
            )
            _fit(network, (store, validation), settings, task, objective, training, between)
    best = checkpoints.load(progress.best_epoch, training.precision)
    with precision("float32"):  # whatever the network computed in
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
    with precision(training.precision):
        network = task.network(settings)
    if training.start is not None:
        take_weights(network, training.start, store.task)
    _compile(network, settings, objective, training, store)
    return network


def _compile(
    network: keras.Model,
    settings: Settings,
    objective: Objective,
    training: Training,
    store: SampleStore,
    before: keras.optimizers.Optimizer | None = None,
) -> None:
    """Compile the network for its objective, with the state of an earlier optimiser, if any."""
    if training.xla and number_of_replicas() > 1:
        raise ValueError(
            f"XLA compiles the step of one GPU: choose --device gpu:0. Received: {number_of_replicas()} GPUs."
        )
    steps = steps_of_an_epoch(store, settings)
    network.compile(
        optimizer=optimiser(learning_rate(settings, steps), settings.weight_decay, settings.options.gradient_norm),
        loss=objective.loss,
        metrics=_metrics(objective),
        jit_compile=training.xla,  # on the processor it is 11 times slower
        steps_per_execution=steps_together(training.steps_per_execution, steps),
    )
    if before is not None:
        network.optimizer.build(network.trainable_variables)
        for own, earlier in zip(network.optimizer.variables, before.variables, strict=True):
            own.assign(earlier)


def steps_of_an_epoch(store: SampleStore, settings: Settings) -> int:
    return -(-store.count // settings.batch)


def most_samples(store: SampleStore, settings: Settings) -> int:
    """The samples of the largest batch; all have nearly the same size."""
    return -(-store.count // steps_of_an_epoch(store, settings))


def steps_together(requested: int, steps: int) -> int:
    """The steps of one execution: the largest divisor of the steps of an epoch that is not above ``requested``.

    An execution with steps of two epochs would end an epoch late.
    """
    found = max(number for number in range(1, min(requested, steps) + 1) if steps % number == 0)
    if found < requested:
        log.info("%d steps per execution, since an epoch has %d steps.", found, steps)
    return found


def optimiser(rate: Any, weight_decay: float, gradient_norm: float | None = None) -> keras.optimizers.Optimizer:
    """Adam or, with a weight decay, AdamW (Loshchilov and Hutter 2019). gradient_norm: the global norm to clip at."""
    if weight_decay == 0:
        return keras.optimizers.Adam(rate, global_clipnorm=gradient_norm)
    return keras.optimizers.AdamW(rate, weight_decay=weight_decay, global_clipnorm=gradient_norm)


def _metrics(objective: Objective) -> Any:
    if isinstance(objective.metrics, Mapping):
        return {name: list(metrics) for name, metrics in objective.metrics.items()}
    return list(objective.metrics)


def _is_finished(progress: Progress, training: Training) -> bool:
    return progress.epochs == progress.planned or progress.is_stale(training.early_stopping)


def _augmentation(task: Task, settings: Settings, kind: str, store: SampleStore) -> Augmentation | None:
    if kind == "none":
        return None
    standard: Augmentation = task.augmentation(settings)
    if kind == "standard":
        return standard
    like_ct = 0.0 if settings.spec.flatten_mm else Appearance.ct  # only MR is flattened
    return standard.with_appearance(Appearance.of(settings.spec, store.tissue_names, standard.spacing_mm, ct=like_ct))


def _fit(
    network: keras.Model,
    stores: tuple[SampleStore, SampleStore],
    settings: Settings,
    task: Task,
    objective: Objective,
    training: Training,
    between: BetweenEpochs,
) -> None:
    """Run the remaining epochs in one call of fit(), with one pipeline of all their batches."""
    first, steps = between.progress.epochs, steps_of_an_epoch(stores[0], settings)
    feed = partial(
        epoch_batches, batch=settings.batch, seed=training.seed, arrange=partial(task.arrange, settings=settings)
    )
    augmentation = _augmentation(task, settings, augmentation_kind(settings, training.augment), stores[0])
    batches = feed(stores[0], epoch=first, epochs=settings.epochs - first, shuffle=True, augment=augmentation)
    held_out = feed(stores[1], epoch=0, shuffle=False)
    learner, replicas = network, number_of_replicas()
    if training.teacher is not None:
        learner = with_teacher(network, teacher_network(training.teacher, task, settings), objective, training.teacher)
    if replicas > 1:
        learner = ReplicaLearner(network, objective, None if learner is network else learner)
        learner.compile(network.optimizer, jit_compile=False, steps_per_execution=network.steps_per_execution)
        batches, held_out = (
            in_whole_shares(each, most_samples(store, settings), replicas)
            for each, store in zip((batches, held_out), stores, strict=True)
        )
        if settings.batch < replicas:
            log.warning("A batch of %d uses %d of %d devices.", settings.batch, settings.batch, replicas)
    logs = [] if training.tensorboard is None else [keras.callbacks.TensorBoard(str(training.tensorboard))]
    with EpochBars(settings.epochs, steps) as bars:
        learner.fit(
            batches,
            validation_data=held_out,
            initial_epoch=first,
            epochs=settings.epochs,
            steps_per_epoch=steps,
            callbacks=[bars, between, *logs, *training.callbacks],
            shuffle=False,  # the reader shuffles the batches
            verbose=0,
        )
