"""Training on synthetic appearances: from streamed phantoms, and refused without tissues."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import train as script
from learning_functions.generate.generation import cases_of_one_split, generate
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.training.fit import train
from learning_functions.training.training_choices import Training
from learning_functions.training.training_inputs import augmentation_kind, check_inputs
from tests.tiny import tiny_settings, write_samples


@pytest.fixture(scope="module", params=["detection", "identification"])
def streamed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Sample files of phantoms of two seeds."""
    folder = tmp_path_factory.mktemp("samples")
    paths = folder / "training.h5", folder / "validation.h5"
    for seed, path in enumerate(paths):
        cases = cases_of_one_split(Path("phantom:2:lumbar"), None, phantom_seed=seed)
        generate(request.param, cases, path, tiny_settings(request.param), seed=seed, workers=1)
    return paths


def test_a_network_trains_on_synthetic_appearances(streamed: tuple[Path, Path], tmp_path: Path) -> None:
    weights = []
    for name in ("one", "again"):
        progress = train(*streamed, tmp_path / f"{name}.h5", lambda settings: settings, Training(augment="synth"))
        assert np.isfinite(progress.history[0]["loss"]) and np.isfinite(progress.history[0]["val_loss"])
        model = TrainedModel.load(tmp_path / f"{name}.h5")
        assert model.card["training"]["augment"] == "synth"
        weights.append(progress.history[0]["loss"])
    assert weights[0] == pytest.approx(weights[1], rel=1e-3), "the seed determines the appearances"


def test_samples_without_tissues_are_refused_in_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paths = write_samples("detection", tmp_path)
    with pytest.raises(ValueError, match="use --augment standard or cut them from phantoms"):
        check_inputs(*paths, tmp_path / "model.h5", "synth")
    capfd.readouterr()
    assert script.main([*map(str, paths), str(tmp_path / "model.h5"), "--augment", "synth"]) == 2
    output = capfd.readouterr().err
    assert output.startswith("error: The synth augmentation needs") and output.count("\n") == 1
    assert not (tmp_path / "model.h5").exists()


def test_the_augmentation_of_the_preset_is_the_default(tmp_path: Path) -> None:
    settings = tiny_settings("detection")
    drawing = settings.with_options(augment="synth")
    assert [augmentation_kind(drawing, requested) for requested in (None, "none", "standard")] == [
        "synth",
        "none",
        "standard",
    ]
    paths = write_samples("detection", tmp_path, drawing)
    with pytest.raises(ValueError, match="have none"):
        check_inputs(*paths, tmp_path / "model.h5")
    check_inputs(*paths, tmp_path / "model.h5", "standard")
    with pytest.raises(ValueError, match="Received: 'spam'"):
        augmentation_kind(settings, "spam")
