"""The checks of sample files before training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.stored_settings import settings_from_samples
from learning_functions.task import load_task
from learning_functions.training.training_inputs import check_inputs, check_same_choices
from tests.tiny import tiny_settings

SAMPLE: dict[str, Any] = {
    "inputs": np.zeros((2, 2, 2, 1), np.int16),
    "targets": np.zeros((2, 2, 2), np.uint8),
    "weights": np.zeros((2, 2, 2), np.uint8),
    "memory": np.zeros((2, 2, 2), np.uint8),
    "numbers": [0.5, 1.0, 20.0],
}


def write(path: Path, direction: str, task: str = "instances") -> SampleStore:
    """One sample of a patient named after the file."""
    settings = tiny_settings("instances")
    settings = settings.with_options(direction=direction)
    names = ("share_seen", "whole", "level")
    with SampleWriter(path, task=task, spec=settings.spec, settings=settings.to_json(), numbers_names=names) as writer:
        writer.append(**SAMPLE, normalisation=(0, 1), case_id=path.stem)
    return open_store(path)


def without_choice(store: SampleStore) -> SampleStore:
    options = {name: value for name, value in store.settings["options"].items() if name != "direction"}
    return replace(store, settings={**store.settings, "options": options})


def test_samples_of_different_directions_do_not_go_together(tmp_path: Path) -> None:
    up, again, down = (write(tmp_path / f"{n}.h5", way) for n, way in enumerate(("up", "up", "down")))
    assert check_inputs(up.path, again.path, tmp_path / "model.h5") == (up, again)
    with pytest.raises(
        ValueError, match=r"cut alike; these differ in direction up and down\. Received: .*0\.h5 and .*2"
    ):
        check_inputs(up.path, down.path, tmp_path / "model.h5")
    with pytest.raises(ValueError, match="direction down and up"):
        check_same_choices(down, without_choice(again))
    check_same_choices(without_choice(up), without_choice(down))  # before this choice existed


def test_any_choice_that_a_task_offers_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = [write(tmp_path / f"{n}.h5", "up") for n in range(2)]
    settings = settings_from_samples(load_task("instances"), stores[1].settings)
    stores[1] = replace(stores[1], settings=settings.with_options(norm="group").to_json())
    check_same_choices(*stores)
    monkeypatch.setattr(load_task("instances"), "choices", {"norm": ("batch", "group"), "direction": ("up", "down")})
    with pytest.raises(ValueError, match="norm batch and group"):
        check_same_choices(*stores)


def test_samples_of_a_task_that_is_not_known_are_refused(tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{n}.h5", "up", task="horoscope").path for n in range(2))
    with pytest.raises(ValueError, match=r"A task is one of .*Received: 'horoscope'"):
        check_inputs(first, second, tmp_path / "model.h5")


def test_resized_samples_and_samples_in_mm_do_not_go_together(tmp_path: Path) -> None:
    settings = tiny_settings("spine_heatmap")
    stores = [
        replace(write(tmp_path / f"{n}.h5", "up", task="spine_heatmap"), settings=each.to_json())
        for n, each in enumerate((settings, settings.with_options(resized=True)))
    ]
    with pytest.raises(ValueError, match="resized False and True"):
        check_same_choices(*stores)


@pytest.mark.parametrize("task", ["spine_heatmap", "multiclass_mr"])
def test_resized_samples_have_no_spacing_option(task: str) -> None:
    resized = [each for each in load_task(task).presets.values() if each.options.resized]
    assert resized
    with pytest.raises(ValueError, match=r"spacing cannot be chosen\. Received: \[3\.0\]"):
        resized[0].at_spacing([3.0])
