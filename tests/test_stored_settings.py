"""Options of files: known names and types alone, and those of version 0.1.0 under today's names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from learning_functions.stored_settings import in_todays_terms, settings_from_card, settings_from_samples
from learning_functions.task import load_task, settings_of, task_names
from learning_functions.task_options.common_options import MirroredOptions, TaskOptions


def settings_json(task: str, preset: str = "small", **options: Any) -> dict[str, Any]:
    """Settings read from JSON, with changed options, without those that are None."""
    settings = json.loads(json.dumps(settings_of(load_task(task), preset).to_json()))
    kept = {name: value for name, value in {**settings["options"], **options}.items() if value is not None}
    return {**settings, "options": kept}


def card_of(task: str, settings: dict[str, Any], **training: Any) -> dict[str, Any]:
    return {"task": task, "spec": settings["spec"], "settings": settings, "training": training}


@pytest.mark.parametrize("name", task_names())
def test_a_misspelt_option_is_refused_in_one_sentence(name: str) -> None:
    task = load_task(name)
    known = ", ".join(sorted(task.presets["small"].options.to_json()))
    for read in (
        lambda: settings_from_samples(task, settings_json(name, agument="none")),
        lambda: settings_from_card(task, card_of(name, settings_json(name, agument="none"))),
        lambda: settings_of(task, "small").with_options(agument="none"),
    ):
        with pytest.raises(ValueError) as raised:
            read()
        assert str(raised.value) == f"The options of this task are {known}. Received: agument."


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"direction": "sideways"}, r"The option direction is one of up, down\. Received: 'sideways'\."),
        ({"augment": "spam"}, r"The option augment is one of none, standard, synth\. Received: 'spam'\."),
        ({"balanced": "yes"}, r"'yes' is no bool"),
        ({"false_positive_weight": [0.1]}, r"Received: \{.*'false_positive_weight': \[0\.1\]"),
        ({"changes": {"flop": 0.5}}, "unknown: flop"),
        ({"changes": 5}, "cannot be used"),
    ],
)
def test_a_value_of_another_kind_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings_from_samples(load_task("instances"), settings_json("instances", **options))


def test_missing_options_have_published_values() -> None:
    task = load_task("instances")
    settings = settings_from_samples(task, {**settings_json("instances"), "options": {"mirrored_inference": False}})
    assert settings.options == settings_of(task, "paper").options


@pytest.mark.parametrize(
    ("task", "options", "training", "expected"),
    [
        ("detection", {"augment": "none"}, {}, False),
        ("detection", {"augment": "synth"}, {}, True),
        ("detection", {"augment": "synth"}, {"augment": "none"}, False),
        ("multiclass_mr", {"augment": "standard"}, {"augment": "synth"}, True),
        ("instances", {"augment": "standard", "graph": "unet"}, {}, True),
        ("instances", {"augment": "standard", "graph": "unet", "changes": {"flip": 0.0}}, {}, False),
        ("instances", {"augment": "standard", "graph": "fcn"}, {}, False),
        ("instances", {"augment": "standard", "graph": "pair"}, {"augment": "none"}, False),
        ("vertebra_masks", {"augment": "standard", "flip": 0.5}, {}, True),
        ("vertebra_masks", {"augment": "standard", "flip": 0.0}, {}, False),
    ],
)
def test_old_cards_tell_by_their_training_whether_mirror_images_are_asked_about(
    task: str, options: dict[str, Any], training: dict[str, Any], expected: bool
) -> None:
    settings = settings_json(task, mirrored_inference=None, **options)
    found = settings_from_card(load_task(task), card_of(task, settings, **training))
    assert found.options.mirrored_inference is expected
    new = card_of(task, settings_json(task, mirrored_inference=not expected, **options), **training)
    assert settings_from_card(load_task(task), new).options.mirrored_inference is not expected, "a card that says so"


def test_an_old_card_s_single_spacing_to_refine_at_holds_for_all_axes() -> None:
    assert in_todays_terms(load_task("instances"), {"refine_mm": 2.0})["refine_mm"] == [2.0] * 3


def test_options_that_mean_nothing_for_a_task_are_no_fields_of_it() -> None:
    for name in task_names():
        options = load_task(name).presets["small"].options
        assert isinstance(options, TaskOptions)
        assert ("mirrored_inference" in options.to_json()) == isinstance(options, MirroredOptions)
        assert isinstance(options.resized, bool) and isinstance(options.graph, str)
