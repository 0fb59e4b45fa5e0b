"""Hostile models and checkpoints, code wherever Keras can carry it, are refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.hostile_models import write_hostile_checkpoints, write_hostile_models
from hardening.tiny_models import write_checkpoints, write_models
from learning_functions.model_files.checkpoint_file import load_checkpoint
from learning_functions.model_files.model_file import load_model
from utility_functions.files.broken_file import BrokenFile


def test_hostile_models_are_refused_and_never_run(tmp_path: Path) -> None:
    sound = write_models(tmp_path / "sound")[0]
    load_model(sound)
    (tmp_path / "evil").mkdir()
    wrong = []
    for name, path in write_hostile_models(sound, tmp_path / "evil", tmp_path / "canary"):
        try:
            load_model(path)
            wrong.append(f"{name} was loaded")
        except BrokenFile as error:
            wrong += [f"{name}: {error}"] if "\n" in str(error) else []
    assert wrong == [] and not (tmp_path / "canary").exists()


def test_hostile_checkpoints_are_refused_and_never_run(tmp_path: Path) -> None:
    sound = sorted(write_checkpoints(tmp_path / "sound").with_suffix(".training").glob("*.keras"))[-1]
    load_checkpoint(sound)
    (tmp_path / "evil").mkdir()
    for name, path in write_hostile_checkpoints(sound, tmp_path / "evil", tmp_path / "canary"):
        with pytest.raises(BrokenFile):
            load_checkpoint(path)
            pytest.fail(name)
    assert not (tmp_path / "canary").exists()
