"""A training run: its files, the best epoch, precision and device."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import keras
import matplotlib.image
import numpy as np
import pytest

from learning_functions.io_signature import IOSignature
from learning_functions.model_files.model_file import load_model
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime import devices
from learning_functions.training import epochs as between_epochs
from learning_functions.training import fit as fitting
from learning_functions.training.checkpoints import Checkpoints, Progress
from learning_functions.training.fit import train
from learning_functions.training.training_choices import Training
from tests.tiny import tiny_settings, write_samples

NAN = math.nan


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_samples("identification", tmp_path_factory.mktemp("samples"))


@pytest.mark.parametrize(
    ("values", "highest", "epoch", "best"),
    [
        ((0.1, 0.3, 0.2), True, 2, 0.3),
        ((0.1, 0.3, 0.2), False, 1, 0.1),
        ((0.3, 0.3), True, 1, 0.3),
        ((NAN, 0.3, 0.5), False, 2, 0.3),
        ((NAN, 0.3, 0.5), True, 3, 0.5),
        ((0.3, NAN, 0.2), True, 1, 0.3),
        ((0.3, NAN, 0.2), False, 3, 0.2),
        ((NAN, NAN), True, 1, None),
        ((NAN,), False, 1, None),
        ((0.0, -math.inf), True, 1, 0.0),
        ((0.0, math.inf), False, 1, 0.0),
    ],
)
def test_the_best_epoch_has_a_defined_figure_where_one_exists(
    values: tuple[float, ...], highest: bool, epoch: int, best: float | None
) -> None:
    progress = Progress(run={})
    for value in values:
        progress.add({"val_loss": value}, "val_loss", highest)
    assert (progress.epochs, progress.best_epoch, progress.best) == (len(values), epoch, best)


def test_the_state_survives_saving_with_nan(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "model.h5")
    image = keras.Input((2,))
    network = keras.Model(image, keras.layers.Dense(1)(image))
    network.compile("adam", "mse")
    progress = Progress(run={"seed": 1})
    for value in (NAN, 0.5, 0.7, 0.6):
        progress.add({"val_loss": value}, "val_loss", True)
        checkpoints.save(network, progress)
    again = checkpoints.progress()
    assert again.run == {"seed": 1} and (again.epochs, again.best_epoch, again.best) == (4, 3, 0.7)
    assert math.isnan(again.history[0]["val_loss"])
    kept = sorted(path.name for path in checkpoints.folder.glob("*.keras"))
    assert kept == ["epoch_0003.keras", "epoch_0004.keras"], "the best and the last"


def test_a_run_writes_log_curves_and_card(samples: tuple[Path, Path], tmp_path: Path) -> None:
    model = tmp_path / "deep" / "model.h5"
    progress = train(*samples, model, lambda settings: settings.changed(epochs=2, learning_rate=0.01), Training(seed=3))
    folder = model.with_suffix(".training")
    with (folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["epoch"]) for row in rows] == [1, 2]
    assert {"loss", "val_loss", "level_accuracy", "val_level_accuracy", "seconds"} <= set(rows[0])
    assert float(rows[1]["val_loss"]) == pytest.approx(progress.history[1]["val_loss"])
    assert matplotlib.image.imread(folder / "curves.png").ndim == 3
    card = TrainedModel.load(model).card["training"]
    assert card["best"] == progress.best and card["log"]["epoch"] == progress.best_epoch
    assert (card["seed"], card["augment"], card["precision"], card["epochs"]) == (3, "standard", "float32", 2)
    assert card["samples"] == {"training": 4, "validation": 4} and card["scans"] == {"training": 1, "validation": 1}


def test_a_network_without_the_signature_of_its_task_is_not_trained(
    samples: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting.load_task("identification"), "io_signature", lambda _: IOSignature({"": (4, 3)}))
    with pytest.raises(ValueError, match=r"not have the I/O signature of the task: it should answer .* Received: "):
        train(*samples, tmp_path / "model.h5", lambda settings: settings, Training())
    assert not list(tmp_path.rglob("*.keras")) and not (tmp_path / "model.h5").exists()


@pytest.fixture(scope="module")
def half(samples: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tmp_path_factory.mktemp("half") / "model.h5"
    train(*samples, model, lambda settings: settings.changed(epochs=2), Training(precision="float16"))
    return model


def test_mixed_precision_gives_a_model_in_float32(half: Path) -> None:
    network = load_model(half)[0]
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    trained = Checkpoints(half).load(2, "float16")
    assert "float16" in {layer.compute_dtype for layer in trained.layers}
    images = np.random.default_rng(1).normal(size=(1, *network.inputs[0].shape[1:])).astype("float32")
    answer = np.asarray(network(images, training=False))
    assert answer.dtype == np.float32 and np.isfinite(answer).all()
    assert keras.mixed_precision.dtype_policy().name == "float32", "later computations are in full precision"


def test_mixed_precision_resumes_exactly(
    samples: tuple[Path, Path], half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, training = tmp_path / "model.h5", Training(precision="float16", resume=True)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(between_epochs, "write_log", interrupted)
        train(*samples, model, lambda settings: settings.changed(epochs=2), training)
    train(*samples, model, lambda settings: settings.changed(epochs=2), training)
    mine, other = (Checkpoints(path).load(2, "float16") for path in (model, half))
    for weight, whole in zip(mine.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, whole, rtol=1e-3, atol=1e-5)
    assert mine.optimizer.name == other.optimizer.name == "loss_scale_optimizer"
    for state, whole in zip(mine.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_allclose(state, whole, rtol=1e-2, atol=1e-4)


def test_the_same_seed_gives_the_same_network(samples: tuple[Path, Path], tmp_path: Path) -> None:
    def start(seed: int) -> list[np.ndarray]:
        settings = tiny_settings("identification")
        task = fitting.load_task("identification")
        store, _ = fitting.check_inputs(*samples, tmp_path / "model.h5")
        objective = task.objective(settings)
        return fitting.new_network(task, settings, objective, Training(seed=seed), store).get_weights()

    first, again, other = start(1), start(1), start(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("device", ["gpu", "gpu:0", "gpu:12"])
def test_a_missing_gpu_is_an_error(device: str) -> None:
    with pytest.raises(ValueError, match="sees no GPU here; choose the device cpu"):
        devices.computing_on(device)


@pytest.mark.parametrize("device", ["", "GPU", "gpu:", "gpu:-1", "gpu:x", "tpu", "cpu:0"])
def test_an_unknown_device_is_an_error(device: str) -> None:
    with pytest.raises(ValueError, match="A device is auto, cpu, gpu or gpu:N"):
        devices.computing_on(device)


def test_logs_for_tensorboard_need_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="install the extra 'track'"):
        Training(tensorboard=Path("logs"))
