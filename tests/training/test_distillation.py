"""Distillation: the loss, the card, resuming, and unsuitable teachers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import train as script
from learning_functions.model_files.model_file import load_model, read_card, save_model
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.sample_store import open_store
from learning_functions.task import Settings, load_task, task_names
from learning_functions.training import epochs as between_epochs
from learning_functions.training import fit as fitting
from learning_functions.training.checkpoints import Checkpoints
from learning_functions.training.distillation import Distillation, with_teacher
from learning_functions.training.epochs import begin_epoch
from learning_functions.training.fit import train
from learning_functions.training.teacher import Teacher, teacher_of
from learning_functions.training.training_choices import Training
from losses_and_metrics.divergences import BinaryDivergence, NumberDifference, divergence_of
from tests.tiny import tiny_settings, write_samples

FORMS = [
    *((name, "small") for name in task_names() if name != "identification"),
    ("identification", "shipped"),
    ("instances", "pair"),
]
"""What learns for one epoch; identification of a number does so in the other tests."""
EPOCHS = 3
NAME = "identification"


def save_teacher(path: Path, settings: Settings, name: str = NAME, seed: int = 5) -> Path:
    """A network of random weights as a model file; twice the filters of the settings."""
    keras.utils.set_random_seed(seed)
    settings = settings.changed(filters=2 * settings.filters)
    network = load_task(name).network(settings)
    save_model(network, path, {"task": name, "spec": settings.spec.to_json(), "settings": settings.to_json()})
    return path


def same(first: list[np.ndarray], second: list[np.ndarray], **near: float) -> bool:
    return all(np.allclose(a, b, **near) for a, b in zip(first, second, strict=True))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    settings = tiny_settings(NAME, epochs=EPOCHS, learning_rate=0.01, samples_per_scan=6)
    return write_samples(NAME, tmp_path_factory.mktemp("samples"), settings)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_teacher(tmp_path_factory.mktemp("teacher") / "teacher.h5", tiny_settings(NAME))


@pytest.fixture(scope="module")
def student(samples: tuple[Path, Path], teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tmp_path_factory.mktemp("student") / "model.h5"
    train(*samples, model, lambda settings: settings, Training(teacher=Teacher(teacher, alpha=1.0)))
    return model


def log_of(model: Path) -> list[dict[str, float]]:
    rows = Checkpoints(model).progress().history
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_the_card_names_the_teacher_and_the_model_excludes_its_weights(teacher: Path, student: Path) -> None:
    card = read_card(student)
    sha256 = hashlib.sha256(teacher.read_bytes()).hexdigest()
    assert card is not None
    assert card["teacher"] == {"file": "teacher.h5", "sha256": sha256, "temperature": 2.0, "alpha": 1.0}
    weights = load_task(NAME).network(tiny_settings(NAME)).count_params()
    for network in (load_model(student)[0], Checkpoints(student).load(EPOCHS)):
        assert type(network).__name__ == "Functional"
        assert network.count_params() == weights


def test_with_alpha_1_the_student_approaches_its_teacher(samples: tuple[Path, Path]) -> None:
    keras.utils.set_random_seed(5)
    task, settings = load_task(NAME), tiny_settings(NAME)
    store, objective = open_store(samples[0]), task.objective(settings)
    network = fitting.new_network(task, settings.changed(learning_rate=0.05), objective, Training(), store)
    teacher = task.network(settings.with_options(start_level=20.0))  # not 13, as in the settings
    learner = with_teacher(network, teacher, objective, Teacher(Path("t.h5"), alpha=1.0))
    batch = next(iter(epoch_batches(store, 6, epoch=0, seed=1, shuffle=False)))
    before_weights = teacher.get_weights()
    labelled = np.asarray(batch[1]) > 0

    def apart() -> float:
        return float(np.abs(np.asarray(network(batch[0])) - np.asarray(teacher(batch[0])))[labelled].mean())

    before = apart()
    for _ in range(120):
        learner.train_on_batch(*batch)
    assert apart() < 0.4 * before
    assert same(teacher.get_weights(), before_weights, rtol=0, atol=0), "the teacher is frozen, its statistics too"


def test_alpha_0_equals_training_without_a_teacher(samples: tuple[Path, Path], teacher: Path, tmp_path: Path) -> None:
    found = []
    for place, how in enumerate((None, Teacher(teacher, alpha=0.0))):
        model = tmp_path / f"{place}.h5"
        train(*samples, model, lambda settings: settings.changed(epochs=1), Training(teacher=how))
        found.append((load_model(model)[0].get_weights(), log_of(model)))
    (plain, plain_log), (listening, listening_log) = found
    assert same(plain, listening, rtol=1e-6, atol=1e-7)
    assert plain_log[0].keys() == listening_log[0].keys()
    np.testing.assert_allclose(list(plain_log[0].values()), list(listening_log[0].values()), rtol=1e-6)


def test_validation_uses_the_loss_of_the_task(samples: tuple[Path, Path], student: Path) -> None:
    settings = tiny_settings(NAME)
    network = Checkpoints(student).load(EPOCHS)
    held_out = epoch_batches(open_store(samples[1]), settings.batch, epoch=0, seed=1, shuffle=False)
    expected = network.evaluate(held_out, return_dict=True, verbose=0)
    assert log_of(student)[-1]["val_loss"] == pytest.approx(expected["loss"], rel=1e-4)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def gone_on_with(
    samples: tuple[Path, Path], model: Path, epochs: int, how: Training, teacher: Path, patch: pytest.MonkeyPatch
) -> keras.Model:
    """The last network of a run that was stopped after its first epoch and resumed with its teacher at another path."""
    with patch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(between_epochs, "write_log", interrupted)
        train(*samples, model, lambda settings: settings.changed(epochs=epochs), how)
    assert how.teacher is not None
    moved = replace(how.teacher, path=model.with_name("moved.h5"))
    moved.path.write_bytes(teacher.read_bytes())
    train(*samples, model, lambda settings: settings.changed(epochs=epochs), replace(how, resume=True, teacher=moved))
    return Checkpoints(model).load(epochs, how.precision)


def test_a_run_with_a_teacher_resumes_exactly(
    samples: tuple[Path, Path], teacher: Path, student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Training(teacher=Teacher(teacher, alpha=1.0))
    mine = gone_on_with(samples, tmp_path / "model.h5", EPOCHS, how, teacher, monkeypatch)
    other = Checkpoints(student).load(EPOCHS)
    assert same(mine.get_weights(), other.get_weights(), rtol=1e-4, atol=1e-6)
    assert int(mine.optimizer.iterations) == int(other.optimizer.iterations)
    for row, expected in zip(log_of(tmp_path / "model.h5"), log_of(student), strict=True):
        np.testing.assert_allclose(list(row.values()), list(expected.values()), rtol=1e-4, atol=1e-5)


def test_mixed_precision_with_a_teacher_resumes_exactly(
    samples: tuple[Path, Path], teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Training(teacher=Teacher(teacher), precision="float16")
    mine = gone_on_with(samples, tmp_path / "model.h5", 2, how, teacher, monkeypatch)
    train(*samples, tmp_path / "whole.h5", lambda settings: settings.changed(epochs=2), how)
    other = Checkpoints(tmp_path / "whole.h5").load(2, "float16")
    assert same(mine.get_weights(), other.get_weights(), rtol=1e-3, atol=1e-5)
    assert mine.optimizer.name == other.optimizer.name == "loss_scale_optimizer"


@pytest.mark.parametrize(
    "other", [None, {"temperature": 3.0}, {"alpha": 0.25}, {"path": True}], ids=["none", "temperature", "alpha", "file"]
)
def test_a_run_does_not_resume_with_another_teacher(
    samples: tuple[Path, Path], teacher: Path, student: Path, other: dict[str, Any] | None
) -> None:
    how = None if other is None else replace(Teacher(teacher, alpha=1.0), **other)
    if how is not None and other is not None and "path" in other:
        path = save_teacher(teacher.with_name("other.h5"), tiny_settings(NAME), seed=6)
        how = Teacher(path, alpha=1.0)
    with pytest.raises(ValueError, match=r"only with the options it began with\. Received other: teacher\."):
        train(*samples, student, lambda settings: settings, Training(resume=True, teacher=how))


def other_spec(settings: Settings, **values: Any) -> Settings:
    return settings.changed(spec=replace(settings.spec, **values))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "detection",
            lambda settings: settings,
            "The teacher is for the task detection, the samples for identification",
        ),
        (NAME, lambda settings: other_spec(settings, spacing_mm=(4, 4, 2)), "differ in spacing_mm"),
        (NAME, lambda settings: other_spec(settings, patch=(8, 16, 32)), "differ in patch"),
        (NAME, lambda settings: other_spec(settings, window=(-100.0, 100.0)), "differ in window"),
        (NAME, lambda settings: settings.with_options(answer="classes"), "differ in outputs"),
    ],
)
def test_a_teacher_of_another_kind_is_refused(
    samples: tuple[Path, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    name: str,
    change: Callable[[Settings], Settings],
    message: str,
) -> None:
    path = save_teacher(tmp_path / "teacher.h5", change(tiny_settings(name)), name)
    assert message in refused(capfd, samples, tmp_path, "--teacher", str(path))


def refused(capfd: pytest.CaptureFixture[str], samples: tuple[Path, Path], folder: Path, *more: str) -> str:
    capfd.readouterr()
    assert script.main([*map(str, samples), str(folder / "model.h5"), *more]) == 2
    [line] = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert not (folder / "model.training").exists()
    return line


def test_invalid_teacher_options_are_refused(
    samples: tuple[Path, Path], teacher: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    teacher_path = str(teacher)
    old = str(Path(__file__).parents[1] / "fixtures/old_keras/identification_keras_2_2_4.h5")
    for more, message in (
        (("--teacher", teacher_path, "--temperature", "0"), "The temperature is a number above 0"),
        (("--teacher", teacher_path, "--temperature", "nan"), "The temperature is a number above 0"),
        (("--teacher", teacher_path, "--alpha", "1.5"), "from 0 to 1. Received: 1.5"),
        (("--alpha", "0.5"), "need a --teacher"),
        (("--temperature", "2"), "need a --teacher"),
        (("--teacher", str(tmp_path / "nobody.h5")), "no model file"),
        (("--teacher", str(samples[0])), "is a samples file, not a model"),
        (("--teacher", old), "with a card"),
    ):
        assert message in refused(capfd, samples, tmp_path, *more)
    path = tmp_path / "model.h5"
    path.write_bytes(teacher.read_bytes())
    assert "written over the teacher" in refused(capfd, samples, tmp_path, "--teacher", str(path))
    assert path.read_bytes() == teacher.read_bytes()


def test_the_default_alpha_is_one_half(teacher: Path) -> None:
    assert teacher_of(None, None, None) is None
    assert teacher_of(teacher, None, None) == Teacher(teacher, 2.0, 0.5)
    assert teacher_of(teacher, 4.0, 0.0) == Teacher(teacher, 4.0, 0.0)


@pytest.mark.parametrize(("name", "preset"), FORMS)
def test_every_task_learns_from_a_teacher(name: str, preset: str, tmp_path: Path) -> None:
    settings = tiny_settings(name, preset)
    training, validation = write_samples(name, tmp_path, settings)
    teacher = save_teacher(tmp_path / "teacher.h5", settings, name)
    train(
        training,
        validation,
        tmp_path / "m.h5",
        lambda settings: settings,
        Training(augment="none", teacher=Teacher(teacher)),
    )
    [row] = log_of(tmp_path / "m.h5")
    assert np.isfinite([value for key, value in row.items() if key in ("loss", "val_loss")]).all()
    assert load_task(name).objective(settings).watched in row


@pytest.mark.parametrize("preset", ["shipped", "pair"])
def test_masks_of_instances_are_learnt_from_a_teacher_as_probabilities(preset: str) -> None:
    """The outputs of a two-branch model are the sum of two, of which one is 0."""
    task, settings = load_task("instances"), tiny_settings("instances", preset)
    objective, network = task.objective(settings), task.network(settings)
    kinds = {
        name: type(divergence_of(network.get_layer(name), loss, 2.0)) for name, loss in dict(objective.loss).items()
    }
    assert kinds == {"mask": BinaryDivergence, "complete": BinaryDivergence, "level": NumberDifference}


def test_a_loss_that_learns_with_the_network_learns_with_the_student() -> None:
    settings = tiny_settings("vertebra_heatmaps")
    settings = settings.with_options(learn_sigma=True)
    task = load_task("vertebra_heatmaps")
    objective, network = task.objective(settings), task.network(settings)
    network.compile("adam", loss=objective.loss)
    bound = []
    objective.loss.bind = bound.append
    begin_epoch(objective, network, 0, 1)
    assert bound == [network]


def test_a_teacher_of_other_shapes_is_refused() -> None:
    settings = tiny_settings("naming")
    task, other = load_task("naming"), settings.with_options(members=settings.options.members + 1)
    network, objective = task.network(settings), task.objective(settings)
    network.compile("adam", loss=objective.loss)
    with pytest.raises(ValueError, match=r"needs the output shapes of its student\. Received: "):
        with_teacher(network, task.network(other), objective, Teacher(Path("t.h5")))


def test_a_loss_that_changes_over_epochs_also_does_with_a_teacher() -> None:
    settings = tiny_settings("instances")
    settings = settings.with_options(false_positive_weight=(0.1, 1.0))
    task = load_task("instances")
    objective, network = task.objective(settings), task.network(settings)
    network.compile("adam", loss=objective.loss)
    learner = with_teacher(network, task.network(settings), objective, Teacher(Path("t.h5")))
    assert isinstance(learner, Distillation)
    begin_epoch(objective, network, 1, 2)
    assert float(objective.loss["mask"].false_positive_weight) == pytest.approx(1.0)
    assert {id(weight) for weight in learner.trainable_weights} == {id(weight) for weight in network.trainable_weights}
