"""Training of several outputs on memory and numbers, with a loss that changes over the epochs: exact on resume, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learning_functions.generate.generation import cases_of_one_split, generate
from learning_functions.model_files.model_file import load_model
from learning_functions.task import Settings, load_task
from learning_functions.training import epochs as between_epochs
from learning_functions.training.checkpoints import Checkpoints
from learning_functions.training.epochs import begin_epoch
from learning_functions.training.fit import train
from learning_functions.training.training_choices import Training
from learning_functions.training.training_inputs import with_class_weights
from losses_and_metrics.iterative_loss import scheduled
from tests.tiny import tiny_settings

EPOCHS = 3


def topdown() -> Settings:
    settings = tiny_settings("instances", learning_rate=0.01, epochs=EPOCHS)
    return settings.with_options(false_positive_weight=(0.1, 1.0))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of streamed phantoms, whose label maps and tissues come with them."""
    folder = tmp_path_factory.mktemp("samples")
    paths = folder / "training.h5", folder / "validation.h5"
    for seed, path in enumerate(paths):
        cases = cases_of_one_split(Path("phantom:1:lumbar"), None, phantom_seed=seed)
        generate("instances", cases, path, topdown(), seed=seed, workers=1)
    return paths


@pytest.fixture(scope="module")
def uninterrupted(samples: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tmp_path_factory.mktemp("whole") / "model.h5"
    train(*samples, model, lambda settings: settings, Training())
    return model


def log_of(model: Path) -> list[dict[str, float]]:
    rows = Checkpoints(model).progress().history
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_every_output_is_logged_and_the_best_epoch_is_that_of_the_highest_dice(uninterrupted: Path) -> None:
    rows = log_of(uninterrupted)
    named = {"mask_loss", "complete_loss", "level_loss", "mask_dice", "complete_accuracy", "level_error"}
    assert named | {f"val_{name}" for name in named} <= set(rows[0])
    dice = [row["val_mask_dice"] for row in rows]
    assert Checkpoints(uninterrupted).progress().best_epoch == 1 + int(np.nanargmax(dice))
    assert set(load_model(uninterrupted)[0].output_names) == {"mask", "complete", "level"}


def test_a_resumed_run_has_the_losses_of_an_uninterrupted_one(
    samples: tuple[Path, Path], uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    model = tmp_path / "model.h5"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(between_epochs, "write_log", interrupted)
        train(*samples, model, lambda settings: settings, Training())
    assert Checkpoints(model).progress().epochs == 1
    train(*samples, model, lambda settings: settings, Training(resume=True))
    for row, expected in zip(log_of(model), log_of(uninterrupted), strict=True):
        assert row.keys() == expected.keys()
        np.testing.assert_allclose(list(row.values()), list(expected.values()), rtol=1e-4, atol=1e-5)


def test_a_loss_gets_its_epoch(uninterrupted: Path) -> None:
    objective, network = load_task("instances").objective(topdown()), Checkpoints(uninterrupted).load(EPOCHS)
    for epoch in range(EPOCHS):
        begin_epoch(objective, network, epoch, EPOCHS)
        weight = float(objective.loss["mask"].false_positive_weight)
        assert weight == pytest.approx(scheduled(0.1, 1.0, epoch, EPOCHS))


def test_this_task_trains_on_synthetic_appearances(samples: tuple[Path, Path], tmp_path: Path) -> None:
    progress = train(
        *samples, tmp_path / "model.h5", lambda settings: settings.changed(epochs=1, batch=2), Training(augment="synth")
    )
    assert np.isfinite(progress.history[0]["loss"])


def test_there_are_no_class_weights() -> None:
    with pytest.raises(ValueError, match="no class weights"):
        with_class_weights(topdown(), [0.1, 0.9])
