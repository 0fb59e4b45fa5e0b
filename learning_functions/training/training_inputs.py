"""What must hold before a network is trained: samples of one kind that are not for testing, and a place to write to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from learning_functions.model_files.output_place import require_place
from learning_functions.samples.store.sample_store import SampleStore, check_same_task, open_store
from learning_functions.stored_settings import cut_otherwise, settings_from_samples
from learning_functions.task import Settings, load_task
from learning_functions.task_options.common_options import Augment
from learning_functions.training.warm_start.initial_model import InitialModel
from utility_functions.files.data_split import Fold

AUGMENTATIONS = get_args(Augment)


def check_inputs(
    training_path: Path,
    validation: Path | Fold,
    model_path: Path,
    augment: str | None = None,
    given: Sequence[InitialModel | None] = (),
) -> tuple[SampleStore, SampleStore]:
    """The stores of both sample files. Raises: ValueError or OSError, in one sentence, where training cannot begin.

    validation: the second file, or the fold of the first file's patients that is held out.
    augment: one of AUGMENTATIONS, None for the preset's. given: models to start or to learn from; they must fit.
    """
    store = open_store(training_path)
    stores = _split(store, validation) if isinstance(validation, Fold) else (store, open_store(validation))
    check_same_task(*stores)
    check_same_choices(*stores)
    kind = augmentation_kind(settings_from_samples(load_task(store.task), store.settings), augment)
    if kind == "synth" and not stores[0].has_tissues:
        raise ValueError(
            "The synth augmentation needs the tissues of phantoms, and these samples have none: use --augment standard "
            f"or cut them from phantoms. Received: {training_path}."
        )
    for store in stores:
        if store.split == "testing":
            raise ValueError(f"Samples of the testing split are not for training. Received: {store.path}.")
    require_place(model_path)
    for model in given:
        if model is not None:
            model.require_fit(stores[0], model_path)
    return stores


def _split(store: SampleStore, fold: Fold) -> tuple[SampleStore, SampleStore]:
    """The samples of the patients of all other folds, and those of the fold."""
    if store.split == "validation":
        raise ValueError(
            f"Only training samples are split into folds. Received: {store.split} samples in {store.path}."
        )
    held_out = fold.held_out(store.patients)
    return store.of_patients(set(store.patients) - held_out), store.of_patients(held_out)


def check_same_choices(training: SampleStore, validation: SampleStore) -> None:
    """Raise a ValueError where the two were cut by different options of their task."""
    task = load_task(training.task)
    mine, theirs = (settings_from_samples(task, store.settings) for store in (training, validation))
    if differences := [f"{name} {one} and {other}" for name, (one, other) in cut_otherwise(task, mine, theirs).items()]:
        raise ValueError(
            f"Training and validation samples must be cut alike; these differ in {'; '.join(differences)}. "
            f"Received: {training.path} and {validation.path}."
        )


def augmentation_kind(settings: Settings, augment: str | None) -> str:
    """The requested augmentation, or the preset's; one of AUGMENTATIONS."""
    kind = augment or settings.options.augment
    if kind not in AUGMENTATIONS:
        raise ValueError(f"Samples are augmented by {', '.join(AUGMENTATIONS)}. Received: {kind!r}.")
    return kind


def requested_settings(
    settings: Settings, changes: Mapping[str, Any], class_weights: Sequence[float] | None = None
) -> Settings:
    """The settings of the samples with the values that a call requests; those that are None stay as they are."""
    return with_class_weights(settings.changed(**changes), class_weights)


def with_class_weights(settings: Settings, weights: Sequence[float] | None) -> Settings:
    """The settings with these class weights, if there are any. Raises: ValueError for a task whose loss has none."""
    if weights is None:
        return settings
    if settings.options.weights is None:
        raise ValueError(f"The loss of this task has no class weights. Received: {list(weights)}.")
    if len(weights) != len(settings.spec.labels):
        labels = ", ".join(settings.spec.labels)
        raise ValueError(
            f"Class weights are of background and vertebra; these samples have {labels}. Received: {weights}."
        )
    return settings.with_options(weights=tuple(weights))
