"""Reading the settings of sample files and cards, also of those that version 0.1.0 wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learning_functions.spec import Spec
from learning_functions.task import Options, Settings, Task, settings_of
from learning_functions.task_options.common_options import Changes, MirroredOptions

NEW_NAMES: Mapping[str, str] = {
    "doubting": "error_weights",
    "empty_share": "empty_fraction",
    "first_share": "first_fraction",
    "mark_jitter_mm": "prompt_jitter_mm",
    "mark_offset_mm": "prompt_offset_mm",
    "mark_sigma_mm": "prompt_sigma_mm",
    "marked_alone": "prompted_without_memory",
    "marked_share": "prompted_fraction",
    "memory_drop": "memory_dropout",
    "memory_slips": "memory_corruption",
    "memory_wear": "memory_roughness",
    "redrawn": "second_pass",
    "sharpness": "evidence_weight",
    "shares_before": "prior_probabilities",
}
"""Today's names of the options of version 0.1.0 that were renamed."""


def settings_from_samples(task: Task[Options], stored: Mapping[str, Any]) -> Settings[Options]:
    """The settings that samples of the task were cut with. Raises: ValueError, in one sentence."""
    options = in_todays_terms(task, _mapping(stored, "options"))
    return Settings.from_json({**stored, "options": options}, task.options_type)


def settings_from_card(task: Task[Options], card: Mapping[str, Any]) -> Settings[Options]:
    """The settings of a card, with the options that training estimated.

    Cards of old models hold a preset alone; the settings are then that preset's with the card's spec.
    Raises: ValueError, in one sentence, for an option that the task does not have, and where the card's two specs
    differ.
    """
    values, spec = card["settings"], Spec.from_json(card["spec"])
    if "spec" not in values:
        settings = settings_of(task, values.get("preset", "paper")).changed(spec=spec)
        options = {**settings.options.to_json(), **_learnt(card)}
        return settings.changed(options=task.options_type.from_json(options))
    augment = card.get("training", {}).get("augment")
    options = {**in_todays_terms(task, _mapping(values, "options"), augment), **_learnt(card)}
    settings = Settings.from_json({**values, "options": options}, task.options_type)
    if differences := settings.spec.differences(spec):
        raise ValueError(f"Its spec is not that of its settings. Received: {'; '.join(differences)}.")
    return settings


def _learnt(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card's options that training estimated, under today's names."""
    return {NEW_NAMES.get(name, name): value for name, value in _mapping(card, "learnt").items()}


def _mapping(stored: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of what is stored, empty where it is not there. Raises: ValueError where it is no mapping."""
    part = stored.get(name, {})
    if not isinstance(part, Mapping):
        raise ValueError(f"The {name} of these settings are no names with values. Received: {str(part)[:80]}.")
    return part


def in_todays_terms(task: Task[Any], stored: Mapping[str, Any], augment: str | None = None) -> dict[str, Any]:
    """The options of a file in today's terms; only here are those of version 0.1.0 translated.

    augment: the augmentation of the training; None: that of the options.
    Version 0.1.0 had no option ``mirrored_inference``. It predicted on mirrored images where the network had been
    trained on some: for detection and multiclass_mr with any augmentation, for instances also with flips and a graph
    other than the published one, and for vertebra_masks with a fraction of flipped samples above 0. ``refine_mm`` could
    be one number.
    """
    options = {NEW_NAMES.get(name, name): value for name, value in stored.items()}
    if isinstance(every := options.get("refine_mm"), int | float):
        options["refine_mm"] = [every] * 3
    if "mirrored_inference" in options or not issubclass(task.options_type, MirroredOptions):
        return options
    augmented = (augment or options.get("augment", "none")) != "none"
    if task.name == "instances":
        flipped = options.get("changes", {}).get("flip", Changes.flip) > 0
        augmented = augmented and flipped and options.get("graph", "fcn") != "fcn"
    elif task.name == "vertebra_masks":
        augmented = options.get("flip", 0.0) > 0
    return {**options, "mirrored_inference": augmented}


def cut_otherwise(task: Task[Any], one: Settings[Any], other: Settings[Any]) -> dict[str, tuple[Any, Any]]:
    """The sampling options in which two settings of a task differ, each with both values.

    These are the task's choices, ``resized`` and ``cropped``.
    """
    values = [
        {**each.options.to_json(), "resized": each.options.resized, "cropped": each.options.cropped}
        for each in (one, other)
    ]
    names = (*task.choices, "resized", "cropped")
    return {name: (values[0][name], values[1][name]) for name in names if values[0][name] != values[1][name]}
