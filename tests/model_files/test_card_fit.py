"""The check of a network against the I/O signature of its card, when saved and when loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import pytest

from learning_functions.io_signature import IOSignature
from learning_functions.model_files.model_file import CARD, load_model, save_model
from learning_functions.spec import Spec
from tests.model_files.test_model_file import SLICES, SPEC, card, network, several
from utility_functions.files.broken_file import BrokenFile


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (network(), card(spec=Spec((1, 1, 1), "RAS", (4, 6, 9), 1, ("background", "vertebra")))),  # another patch
        (network(), card(spec=Spec((1, 1, 1), "RAS", (4, 6, 8), 2, ("background", "vertebra")))),  # more channels
        (network(), card(spec=Spec((1, 1, 1), "RAS", (4, 6, 8), 1, ("a", "b", "c")))),  # more classes
        (network(), card(task="identification")),
        (network(patch=(6, 10), channels=8, classes=1), card(spec=SLICES)),  # slices for detection
        (network(patch=(6, 10), channels=8, classes=2), card("identification", SLICES)),
        (
            network(patch=(6, 10), channels=8, classes=26),
            card("identification", SLICES),
        ),  # its card has no class probabilities
        (network(patch=(10, 6), channels=8, classes=1), card("identification", SLICES)),  # axes changed over
        (several(), card("instances")),  # no channel for the memory
        (several(channels=2, level="height"), card("instances")),  # another output
        (several(channels=2, levels=3), card("instances")),
        (network(channels=2), card("instances")),
    ],
)
def test_a_card_that_does_not_fit_its_network_is_refused(
    model: keras.Model, what: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(BrokenFile, match="does not fit its network"):
        save_model(model, tmp_path / "model.h5", what)
    assert not list(tmp_path.iterdir())
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        file.attrs[CARD] = json.dumps({"training": {}, "versions": {}, **what})
    with pytest.raises(BrokenFile, match="does not fit its network"):
        load_model(tmp_path / "model.h5")


def test_several_outputs_and_a_memory_fit_their_card(tmp_path: Path) -> None:
    save_model(several(channels=2), tmp_path / "model.h5", card("instances"))
    assert load_model(tmp_path / "model.h5")[0].output_names == ["complete", "level", "mask"]


@pytest.mark.parametrize(
    "settings", [{"preset": "huge"}, {"preset": []}, {"spec": SPEC.to_json()}, {"spec": SLICES.to_json()}]
)
def test_a_card_whose_settings_are_of_no_use_is_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match=r"The card of model\.h5 cannot be used: "):
        save_model(network(), tmp_path / "model.h5", card(settings=settings))


def test_a_network_of_an_unknown_task_is_not_checked(tmp_path: Path) -> None:
    save_model(network(classes=9), tmp_path / "model.h5", card("horoscope"))
    assert load_model(tmp_path / "model.h5")[1]["task"] == "horoscope"


@pytest.mark.parametrize(
    ("io_signature", "wrong"),
    [
        (IOSignature({"": (5, 2)}), None),
        (IOSignature({"": (5, 2)}, input=(4, 6, 8, 1)), None),
        (IOSignature({"": (5, 2)}, input=(None, None, None, 1)), None),
        (IOSignature({"": (5, 2)}, memory=1), "it should take 4 x 6 x 8 x 2. Received: 4 x 6 x 8 x 1."),
        (IOSignature({"": (5, 2)}, input=(None, 7)), "it should take any x 7. Received: 4 x 6 x 8 x 1."),
        (
            IOSignature({"": (2, 2)}),
            "it should answer an output of 2 axes, the last 2. Received: an output of 5 axes, the la",
        ),
        (IOSignature({"mask": (5, 2)}), "it should answer mask of 5 axes, the last 2. Received: softmax"),
        (
            IOSignature({"mask": (5, 1), "level": (2, 1)}),
            "it should answer mask of 5 axes, the last 1 and level of 2 axes",
        ),
    ],
)
def test_a_mismatch_is_reported(io_signature: IOSignature, wrong: str | None) -> None:
    found = io_signature.misfit(network(), SPEC)
    assert found is None if wrong is None else found is not None and found.startswith(wrong)


@pytest.mark.parametrize("patch", [(6, 10), (None, None)])
def test_slices_fit_whatever_size_is_left_open(patch: tuple[int | None, ...], tmp_path: Path) -> None:
    save_model(network(patch=patch, channels=8, classes=1), tmp_path / "model.h5", card("identification", SLICES))
    assert load_model(tmp_path / "model.h5")[1]["task"] == "identification"
