"""All epochs are one fit(): callbacks work, runs end early or are extended, and memory does not grow."""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from learning_functions.model_files.model_file import read_card
from learning_functions.training.checkpoints import Checkpoints, Progress
from learning_functions.training.fit import steps_together, train
from learning_functions.training.learning_rates import learning_rate
from learning_functions.training.training_choices import Training
from tests.tiny import tiny_settings, write_samples

SAMPLES = 6
BATCH = 2


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of naming, whose network is small, has dropout, and sees augmented samples."""
    settings = tiny_settings("naming", samples_per_scan=SAMPLES, batch=BATCH, schedule="constant", learning_rate=0.01)
    return write_samples("naming", tmp_path_factory.mktemp("samples"), settings)


def run(samples: tuple[Path, Path], model: Path, epochs: int, rate: float = 0.01, **choices: Any) -> Progress:
    return train(
        *samples, model, lambda told: told.changed(epochs=epochs, learning_rate=rate), Training(seed=3, **choices)
    )


def figures(progress: Progress) -> list[list[float]]:
    return [[value for name, value in row.items() if name != "seconds"] for row in progress.history]


class Noting(keras.callbacks.Callback):
    """Notes its calls, and how many objects of TensorFlow's graphs and data sets there are after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.called: Counter[str] = Counter()
        self.epochs: list[int] = []
        self.objects: list[Counter[str]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.called["train"] += 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.called["batch"] += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epochs.append(epoch)
        gc.collect()
        kinds = Counter(type(each).__name__ for each in gc.get_objects())
        self.objects.append(Counter({kind: n for kind, n in kinds.items() if kind in HELD}))


HELD = ("FuncGraph", "ConcreteFunction", "AtomicFunction", "_EagerDefinedFunction", "Function", "FuncRegistry")
HELD = (*HELD, "_MapDataset", "_ParallelMapDataset", "_PrefetchDataset", "OwnedIterator", "TFEpochIterator")


@pytest.fixture(scope="module")
def noted(samples: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Progress, Noting]:
    model, noting = tmp_path_factory.mktemp("whole") / "model.h5", Noting()
    return model, run(samples, model, 5, callbacks=(noting,)), noting


def test_a_user_s_callback_sees_one_training_of_all_epochs(noted: tuple[Path, Progress, Noting]) -> None:
    _, progress, noting = noted
    assert noting.epochs == [0, 1, 2, 3, 4] and progress.epochs == 5
    assert noting.called == {"train": 1, "batch": 5 * SAMPLES // BATCH}


def test_nothing_of_a_past_epoch_is_held(noted: tuple[Path, Progress, Noting]) -> None:
    """Each epoch had a fit() of its own, with data sets and graphs that stayed: 13 MB an epoch."""
    objects = noted[2].objects
    assert objects[1]["FuncGraph"] > 0, "the names of the types are those of this TensorFlow"
    assert objects[1] == objects[2] == objects[3]  # after the last one Keras makes an iterator that nothing reads


def test_a_finished_run_is_extended_as_if_it_had_been_longer(
    samples: tuple[Path, Path], noted: tuple[Path, Progress, Noting], tmp_path: Path
) -> None:
    """It has three steps in one call after the second epoch, and one before."""
    model = tmp_path / "model.h5"
    run(samples, model, 2)
    assert "extended" not in read_card(model)["training"]
    longer = run(samples, model, 5, resume=True, steps_per_execution=3)
    np.testing.assert_allclose(figures(longer), figures(noted[1]), rtol=1e-4, atol=1e-5)
    assert read_card(model)["training"]["extended"] == [[2, 5]]
    written = model.read_bytes()
    assert run(samples, model, 5, resume=True).epochs == 5 and model.read_bytes() == written
    with pytest.raises(ValueError, match=r"5 epochs are finished; .* as many or more\. Received: 4\."):
        run(samples, model, 4, resume=True)


def test_early_stopping_waits_for_a_better_epoch_also_on_resume(samples: tuple[Path, Path], tmp_path: Path) -> None:
    """A callback of Keras ends the first run, and TensorBoard follows the last one."""
    pytest.importorskip("tensorboard")

    def stopped(name: str, **choices: Any) -> Progress:
        return run(samples, tmp_path / f"{name}.h5", 9, 0.5, **choices)

    first = stopped("resumed", callbacks=(keras.callbacks.EarlyStopping("val_loss", patience=1),))
    assert first.epochs < 9 and first.epochs - first.best_epoch == 1
    assert read_card(tmp_path / "resumed.h5")["training"]["epochs"] == first.epochs
    assert stopped("resumed", early_stopping=1, resume=True).epochs == first.epochs, "it stays stopped"
    again = stopped("resumed", early_stopping=2, resume=True)
    whole = stopped("whole", early_stopping=2, tensorboard=tmp_path / "logs")
    assert again.epochs == whole.epochs > first.epochs
    assert whole.epochs < 9 and whole.epochs - whole.best_epoch == 2
    np.testing.assert_allclose(figures(again), figures(whole), rtol=1e-5, atol=1e-6)
    assert {path.name for path in (tmp_path / "logs").iterdir()} >= {"train", "validation"}


@pytest.mark.parametrize(("requested", "steps", "taken"), [(1, 7, 1), (4, 12, 4), (5, 12, 4), (6, 7, 1), (99, 12, 12)])
def test_an_execution_never_crosses_the_end_of_an_epoch(requested: int, steps: int, taken: int) -> None:
    assert steps_together(requested, steps) == taken


def test_bfloat16_with_xla_gives_a_model_in_float32(samples: tuple[Path, Path], tmp_path: Path) -> None:
    model = tmp_path / "model.h5"
    progress = run(samples, model, 1, precision="bfloat16", xla=True)
    assert np.isfinite(progress.history[0]["val_loss"])
    assert read_card(model)["training"]["precision"] == "bfloat16"
    policies = {layer.compute_dtype for layer in Checkpoints(model).load(1, "bfloat16").layers}
    assert "bfloat16" in policies
    assert {layer.compute_dtype for layer in keras.models.load_model(model).layers} == {"float32"}


def test_the_schedules() -> None:
    settings = tiny_settings("detection", learning_rate=1e-3, epochs=10)
    assert learning_rate(settings.changed(schedule="constant"), 5) == 1e-3
    steps = learning_rate(settings.changed(schedule="steps"), 5)
    for step, expected in ((0, 1e-3), (9_999, 1e-3), (10_000, 1e-4), (19_999, 1e-4), (20_000, 1e-5), (10**6, 1e-5)):
        assert float(steps(step)) == pytest.approx(expected), step
    other = learning_rate(replace(settings, schedule="steps", rate_steps=(7,)), 5)
    assert [float(other(step)) for step in (6, 7)] == pytest.approx([1e-3, 1e-4])
    cosine = learning_rate(settings.changed(schedule="cosine"), 5)
    assert [float(cosine(step)) for step in (0, 5, 50)] == pytest.approx([1e-5, 1e-3, 1e-5], rel=1e-2)
