"""Options estimated after training: the check of patient orientation, and the temperature of votes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from learning_functions.model_files.model_file import change_card, load_model, save_model
from learning_functions.samples.store.sample_store import open_store
from learning_functions.stored_settings import settings_from_card
from learning_functions.task import load_task
from learning_functions.task_options.orientation_check import OrientationCheck
from learning_functions.training.learnt_options import learn_again, main
from learning_functions.training.orientation_choice import LEAST_SCANS, ArchProbabilities, arch_probabilities, check_of
from learning_functions.training.temperature_choice import TEMPERATURES, body_probabilities, temperature_of
from tests.tiny import tiny_settings, write_samples
from utility_functions.anatomy.dense_targets import NUMBER_OF_LEVELS
from utility_functions.files.broken_file import BrokenFile

SCANS = 50


def arches(upright: tuple[float, float], turned: tuple[float, float], count: int = SCANS) -> ArchProbabilities:
    return ArchProbabilities(np.linspace(*upright, count), np.linspace(*turned, count))


def test_the_threshold_for_checking_quarter_turns_follows_unturned_scans() -> None:
    check = check_of(arches((0.85, 0.95), (0.6, 0.8)))
    assert check == OrientationCheck(hesitant_below=0.86, believed_from=0.852)


@pytest.mark.parametrize(
    "found_probabilities",
    [arches((0.85, 0.95), (0.85, 0.95)), arches((0.85, 0.95), (0.6, 0.8), LEAST_SCANS - 1), arches((0, 0), (0, 0), 0)],
    ids=["turned scans look alike", "few scans", "none"],
)
def test_a_network_without_orientation_signal_disables_the_check(found_probabilities: ArchProbabilities) -> None:
    assert check_of(found_probabilities) is None


@pytest.mark.parametrize(
    "values", [{"hesitant_below": 1.2}, {"believed_from": -0.1}, {"better_by": 0.5}, {"least_mm3": float("nan")}]
)
def test_an_invalid_orientation_check_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Received: "):
        OrientationCheck(**{"hesitant_below": 0.8, "believed_from": 0.7, **values})


def bodies(off: int, sure: float, count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A scan in which each body has a probability ``sure`` for a level ``off`` the true one, and the rest for that."""
    true = np.arange(8, 8 + count)
    fractions = np.zeros((count, NUMBER_OF_LEVELS))
    fractions[np.arange(count), true - 1] = 1 - sure
    fractions[np.arange(count), true - 1 + off] += sure
    return fractions, true


def test_a_temperature_flattens_votes_of_wholly_wrong_scans() -> None:
    right, wrong = [bodies(1, 0.2)] * 45, [bodies(1, 0.8)] * 5
    assert temperature_of(right) == max(TEMPERATURES)
    mixed = temperature_of([*right, *wrong])
    assert mixed is not None and 0.2 < mixed < 0.6, "one of ten is wrong; each body alone would say one of five"
    assert temperature_of([bodies(1, 0.2, 1)] * 45) is None, "one body does not represent a scan"
    assert temperature_of(right[:10]) is None


def learning(task: str, folder: Path) -> tuple[Path, Path, Path]:
    settings = tiny_settings(task, "shipped").with_options(augment="standard")
    if task == "detection":  # tubes: their samples need no masks
        settings = tiny_settings(task)
    training, validation = write_samples(task, folder, settings)
    path = folder / "model.h5"
    card = {"task": task, "spec": settings.spec.to_json(), "settings": settings.to_json()}
    save_model(load_task(task).network(settings), path, card)
    return path, training, validation


def test_options_are_estimated_again_without_changing_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, training, validation = learning("identification", tmp_path)
    before, _ = load_model(path)
    [(fractions, true)] = body_probabilities(before, open_store(validation))
    assert fractions.shape == (len(true), NUMBER_OF_LEVELS) and (np.diff(true) > 0).all()
    np.testing.assert_allclose(fractions.sum(axis=1), 1, atol=1e-3)
    assert learn_again(path, training, validation) == {}, "one scan is too few"
    choice = "learning_functions.training.temperature_choice.chosen_temperature"
    monkeypatch.setattr(choice, lambda *_: 0.6)
    assert main([str(path), str(training), str(validation)]) == 0
    assert capsys.readouterr().out == f"temperature: {path}\n"
    after, card = load_model(path)
    assert card["learnt"] == {"temperature": 0.6}
    assert settings_from_card(load_task("identification"), card).options.temperature == 0.6
    for one, other in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert main([str(path), str(training), str(tmp_path / "none.h5")]) == 2
    assert "There is no sample file" in capsys.readouterr().err


def test_detection_learns_the_arch_response_on_turned_patches(tmp_path: Path) -> None:
    path, _, validation = learning("detection", tmp_path)
    shapes: list[tuple[int, ...]] = []

    class Sure:
        """Predicts arch with 0.9 in unturned patches and with 0.7 in turned ones."""

        inputs = load_model(path)[0].inputs

        def __call__(self, x: np.ndarray, training: bool) -> np.ndarray:
            shapes.append(x.shape)
            probabilities = np.zeros((*x.shape[:-1], 5), np.float32)
            probabilities[..., 3] = 0.9 if len(shapes) % 4 == 1 else 0.7
            return probabilities

    network: Any = Sure()
    store = open_store(validation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learning_functions.training.orientation_choice.flexible", lambda given: given)
        found_probabilities = arch_probabilities(network, store)
    np.testing.assert_allclose([found_probabilities.upright, found_probabilities.turned], [[0.9], [0.7]], rtol=1e-6)
    assert len(shapes) == 4 * store.count
    settings = tiny_settings("detection")
    assert load_task("detection").learnt(network, settings, store, store) == settings.options, "tubes have no arches"
    with h5py.File(path) as file:
        assert "model_config" in file.attrs
    card = load_model(path)[1]
    with pytest.raises(BrokenFile, match="cannot be used"):
        change_card(path, {**card, "learnt": {"orientation": {"hesitant": 0.5}}})
    assert load_model(path)[1] == card
