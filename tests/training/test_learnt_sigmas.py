"""Training of heatmaps with trainable sigmas: they change, are saved, and resume exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learning_functions.generate.generation import cases_of_one_split, generate
from learning_functions.model_files.model_file import load_model
from learning_functions.task import Settings
from learning_functions.training import epochs as between_epochs
from learning_functions.training.checkpoints import Checkpoints
from learning_functions.training.fit import train
from learning_functions.training.training_choices import Training
from tests.tiny import tiny_settings
from utility_functions.anatomy.naming.statistics import Statistics

EPOCHS = 2


def learning_sigmas() -> Settings:
    settings = tiny_settings("vertebra_heatmaps", epochs=EPOCHS, learning_rate=0.01, batch=2)
    published = {"learn_sigma": True, "scale": 20.0, "loss": "sums", "dropout": 0.25, "absent": "unknown"}
    return settings.with_options(**published)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("samples")
    paths = folder / "training.h5", folder / "validation.h5"
    for seed, path in enumerate(paths):
        cases = cases_of_one_split(Path("phantom:1:lumbar"), None, phantom_seed=seed)
        generate("vertebra_heatmaps", cases, path, learning_sigmas(), seed=seed, workers=1)
    return paths


@pytest.fixture(scope="module")
def uninterrupted(samples: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tmp_path_factory.mktemp("whole") / "model.h5"
    train(*samples, model, lambda settings: settings, Training())
    return model


def sigmas_of(network: object) -> np.ndarray:
    return np.asarray(network.get_layer("landmark_sigmas").alpha)  # type: ignore[attr-defined]


def test_sigmas_of_visible_landmarks_are_trained_and_saved(uninterrupted: Path) -> None:
    network, card = load_model(uninterrupted)
    best = Checkpoints(uninterrupted).progress().best_epoch
    np.testing.assert_array_equal(sigmas_of(network), sigmas_of(Checkpoints(uninterrupted).load(best)))
    start = card["settings"]["options"]["sigma"]
    learnt = sigmas_of(network)
    assert (learnt < start).any(), "sigmas of visible landmarks are reduced by the penalty"
    assert learnt[0] == pytest.approx(start), "no sample shows C1"


def test_the_card_holds_the_statistics_of_the_training_landmarks(uninterrupted: Path) -> None:
    statistics = Statistics.from_json(load_model(uninterrupted)[1]["learnt"]["statistics"])
    assert statistics.steps_mm["L3", "L4"] != Statistics().steps_mm["L3", "L4"]


def test_a_resumed_run_learns_the_same_sigmas(
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
    last, expected = (Checkpoints(path).load(EPOCHS) for path in (model, uninterrupted))
    np.testing.assert_allclose(sigmas_of(last), sigmas_of(expected), rtol=1e-6)
    for mine, theirs in zip(last.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)
