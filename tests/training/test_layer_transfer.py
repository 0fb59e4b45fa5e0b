"""Training that starts from the weights of a trained model."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import train as script
from learning_functions.model_files.model_file import load_model, read_card, save_model
from learning_functions.samples.store.sample_store import open_store
from learning_functions.task import Settings, load_task
from learning_functions.training import fit as fitting
from learning_functions.training.fit import train
from learning_functions.training.training_choices import Training
from learning_functions.training.warm_start.initial_model import IMAGE_FIELDS, WarmStart
from learning_functions.training.warm_start.layer_transfer import take_weights
from tests.tiny import tiny_settings, write_samples

NAME = "identification"


def save(path: Path, settings: Settings) -> Path:
    keras.utils.set_random_seed(5)
    network = load_task(NAME).network(settings)
    save_model(network, path, {"task": NAME, "spec": settings.spec.to_json(), "settings": settings.to_json()})
    return path


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_samples(NAME, tmp_path_factory.mktemp("samples"), tiny_settings(NAME, epochs=2))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("trained") / "trained.h5", tiny_settings(NAME))


def test_the_first_step_has_the_loss_of_the_trained_model(samples: tuple[Path, Path], trained: Path) -> None:
    task, settings, store = load_task(NAME), tiny_settings(NAME), open_store(samples[0])
    given = load_model(trained)[0].get_weights()
    for mixed in (False, True):
        how = Training(start=WarmStart(trained), precision="float16" if mixed else "float32")
        network = fitting.new_network(task, settings, task.objective(settings), how, store)
        assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), given, strict=True))


def test_the_card_names_the_initial_model_and_resuming_requires_it(
    samples: tuple[Path, Path], trained: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model.h5"
    train(*samples, model, lambda settings: settings, Training(start=WarmStart(trained)))
    card = read_card(model)
    assert card is not None
    sha256 = hashlib.sha256(trained.read_bytes()).hexdigest()
    assert card["started_from"] == {"file": "trained.h5", "sha256": sha256}
    assert "teacher" not in card
    with pytest.raises(ValueError, match=r"Received other: started_from\."):
        train(*samples, model, lambda settings: settings, Training(resume=True))


def test_weights_of_other_layers_are_refused(samples: tuple[Path, Path], tmp_path: Path) -> None:
    settings = tiny_settings(NAME)
    wider = save(tmp_path / "wider.h5", settings.changed(filters=2 * settings.filters))
    with pytest.raises(ValueError, match=r"other layers than the network, as with other --filters: \d+ weights, not"):
        train(*samples, tmp_path / "model.h5", lambda settings: settings, Training(start=WarmStart(wider)))
    assert not (tmp_path / "model.h5").exists()


def test_the_script_refuses_unsuitable_initial_models_in_one_line(
    samples: tuple[Path, Path], trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for given, message in (
        (tmp_path / "none.h5", "no model file"),
        (samples[0], "is a samples file, not a model"),
        (tmp_path / "model.h5", "There is no model file"),
        ("detektion", "one of those shipped, detection, identification"),
        ("panoptic", "error: "),  # a shipped one, of other images
    ):
        assert script.main([*map(str, samples), str(tmp_path / "new.h5"), "--start-from", str(given)]) == 2
        assert message in capsys.readouterr().err
    assert script.main([*map(str, samples), str(trained), "--start-from", str(trained)]) == 2
    assert "would be written over the model to start from" in capsys.readouterr().err


OUTLINES = ("vertebra_masks", "instances")


def detector(path: Path, settings: Settings) -> Path:
    """A detection model with the preprocessing of ``settings``."""
    own = tiny_settings("detection", filters=settings.filters, levels=settings.levels)
    inputs = {name: getattr(settings.spec, name) for name in IMAGE_FIELDS}
    own = own.changed(spec=replace(own.spec, **inputs))
    keras.utils.set_random_seed(6)
    card = {"task": "detection", "spec": own.spec.to_json(), "settings": own.to_json()}
    save_model(load_task("detection").network(own), path, card)
    return path


@pytest.mark.parametrize("name", OUTLINES)
def test_a_segmenter_can_start_from_layers_of_a_detection(name: str, tmp_path: Path) -> None:
    settings = tiny_settings(name)
    settings = settings.with_options(graph="unet")
    given = detector(tmp_path / "detection.h5", settings)
    theirs, network = load_model(given)[0], load_task(name).network(settings)
    take_weights(network, WarmStart(given), name)
    for layer in theirs.layers:
        if layer.name == "class_scores" or not layer.get_weights():
            continue
        own = network.get_layer(layer.name).get_weights()
        if layer.name == "down0_a_conv":
            assert np.array_equal(own[0][..., :1, :], layer.get_weights()[0])
            assert not own[0][..., 1:, :].any(), "the memory has no effect yet"
        else:
            assert all(np.array_equal(a, b) for a, b in zip(own, layer.get_weights(), strict=True)), layer.name


@pytest.mark.parametrize(("name", "other"), [OUTLINES, OUTLINES[::-1]])
def test_prompt_and_memory_channels_are_not_exchanged(name: str, other: str, tmp_path: Path) -> None:
    settings, unlike = tiny_settings(name), tiny_settings(other)
    settings = settings.with_options(graph="unet")
    unlike = unlike.changed(spec=settings.spec).with_options(graph="unet")
    keras.utils.set_random_seed(6)
    card = {"task": other, "spec": unlike.spec.to_json(), "settings": unlike.to_json()}
    save_model(load_task(other).network(unlike), tmp_path / "other.h5", card)
    network = load_task(name).network(settings)
    take_weights(network, WarmStart(tmp_path / "other.h5"), name)
    own = network.get_layer("down0_a_conv").get_weights()[0]
    theirs = load_model(tmp_path / "other.h5")[0].get_layer("down0_a_conv").get_weights()[0]
    assert own.shape == theirs.shape
    np.testing.assert_array_equal(own[..., :1, :], theirs[..., :1, :])
    assert theirs[..., 1:, :].any() and not own[..., 1:, :].any()


def test_a_model_of_another_task_needs_equal_preprocessing_and_a_common_layer(tmp_path: Path) -> None:
    name = "vertebra_masks"
    settings = tiny_settings(name)
    samples = write_samples(name, tmp_path, settings)
    unlike = detector(tmp_path / "detection.h5", settings.changed(spec=replace(settings.spec, window=(-500.0, 500.0))))
    with pytest.raises(ValueError, match=r"needs the image specification of the new network.*window"):
        train(*samples, tmp_path / "model.h5", lambda settings: settings, Training(start=WarmStart(unlike)))
    averaging = settings.with_options(graph="averaging")
    alike = detector(tmp_path / "alike.h5", settings)
    with pytest.raises(ValueError, match=r"no layer with the name and shape"):
        take_weights(load_task(name).network(averaging), WarmStart(alike), name)


def prompted(fraction: float) -> Settings:
    own = tiny_settings("instances")
    return own.with_options(prompted_fraction=fraction)


def saved(settings: Settings, path: Path) -> Path:
    keras.utils.set_random_seed(8)
    card = {"task": "instances", "spec": settings.spec.to_json(), "settings": settings.to_json()}
    save_model(load_task("instances").network(settings), path, card)
    return path


def test_a_network_with_a_prompt_starts_from_one_without(tmp_path: Path) -> None:
    given = saved(prompted(0.0), tmp_path / "unmarked.h5")
    network = load_task("instances").network(prompted(0.5))
    take_weights(network, WarmStart(given), "instances")
    rng = np.random.default_rng(1)
    image, mark = rng.random((2, 16, 16, 16, 2), np.float32), 255 * rng.random((2, 16, 16, 16, 1), np.float32)
    theirs = load_model(given)[0].predict_on_batch(image)
    own = network.predict_on_batch(np.concatenate([image, mark], axis=-1))
    for name, answer in theirs.items():
        np.testing.assert_allclose(own[name], answer, rtol=1e-5, atol=1e-6, err_msg="the mark tells nothing yet")
    model = tmp_path / "model.h5"
    train(
        *write_samples("instances", tmp_path, prompted(0.5)),
        model,
        lambda settings: settings,
        Training(start=WarmStart(given)),
    )
    assert load_model(model)[0].input_shape[-1] == 3


def test_a_network_without_a_prompt_does_not_start_from_one_with_it(tmp_path: Path) -> None:
    given = saved(prompted(0.5), tmp_path / "marked.h5")
    samples = write_samples("instances", tmp_path, prompted(0.0))
    with pytest.raises(ValueError, match="memory 2 and 1"):
        train(*samples, tmp_path / "model.h5", lambda settings: settings, Training(start=WarmStart(given)))


def test_layers_that_fit_are_taken_from_a_model_for_other_images_and_labels(tmp_path: Path) -> None:
    settings = tiny_settings("detection")
    spec = replace(settings.spec, intensity="body", flatten_mm=30.0, labels=(*settings.spec.labels, "canal"))
    given = detector(tmp_path / "detection.h5", settings)
    unlike = settings.changed(spec=spec)
    start = WarmStart(given, layers_that_fit=True)
    assert start.identity() != WarmStart(given).identity()
    keras.utils.set_random_seed(7)
    network = load_task("detection").network(unlike)
    take_weights(network, start, "detection")
    theirs = load_model(given)[0]
    for name in ("down0_a_conv", "class_scores"):
        own, its = network.get_layer(name).get_weights()[0], theirs.get_layer(name).get_weights()[0]
        assert (own.shape == its.shape and np.array_equal(own, its)) == (name == "down0_a_conv")
