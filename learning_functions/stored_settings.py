"""Settings as sample files and cards tell them, those that version 0.1.0 wrote among them."""

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
"""Options of version 0.1.0 that have another name today."""


def settings_from_samples(task: Task[Options], told: Mapping[str, Any]) -> Settings[Options]:
    """The settings that samples of the task were cut by. Raises: ValueError, in one sentence."""
    options = in_todays_terms(task, told.get("options", {}))
    return Settings.from_json({**told, "options": options}, task.options_type)


def settings_from_card(task: Task[Options], card: Mapping[str, Any]) -> Settings[Options]:
    """The settings a card tells; among their options what training learnt besides the network.

    Where it tells only a preset (old models), that preset with the card's spec.
    Raises: ValueError, in one sentence, for an option that the task does not have, and for a spec of two minds.
    """
    values, spec = card["settings"], Spec.from_json(card["spec"])
    if "spec" not in values:
        settings = settings_of(task, values.get("preset", "paper")).changed(spec=spec)
        told = {**settings.options.to_json(), **_learnt(card)}
        return settings.changed(options=task.options_type.from_json(told))
    augment = card.get("training", {}).get("augment")
    options = {**in_todays_terms(task, values.get("options", {}), augment), **_learnt(card)}
    settings = Settings.from_json({**values, "options": options}, task.options_type)
    if differences := settings.spec.differences(spec):
        raise ValueError(f"Its spec is not that of its settings. Received: {'; '.join(differences)}.")
    return settings


def _learnt(card: Mapping[str, Any]) -> dict[str, Any]:
    """What the card tells that training learnt besides the network, under the names of today."""
    return {NEW_NAMES.get(name, name): value for name, value in card.get("learnt", {}).items()}


def in_todays_terms(task: Task[Any], told: Mapping[str, Any], augment: str | None = None) -> dict[str, Any]:
    """Options as they are told today, of those that a file tells; what version 0.1.0 wrote is mended here alone.

    It asked networks about mirror images too where they had learnt from some. What tells that is how training augmented
    (``augment``; None: as the options say): so it was for detection and multiclass_mr, for instances unless the graph
    is the published one or nothing was flipped, and for vertebra_masks wherever the options have a share of flipped
    samples. A spacing to refine masks at could be one number.
    """
    options = {NEW_NAMES.get(name, name): value for name, value in told.items()}
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
    """Options by which samples are cut, with both values, where two settings of a task differ in them: the task's
    choices, and what part of a scan a sample shows, at what size.
    """
    told = [
        {**each.options.to_json(), "resized": each.options.resized, "cropped": each.options.cropped}
        for each in (one, other)
    ]
    names = (*task.choices, "resized", "cropped")
    return {name: (told[0][name], told[1][name]) for name in names if told[0][name] != told[1][name]}
