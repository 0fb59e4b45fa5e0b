"""The two-branch model (iterative and landmark-prompted segmenter): initial weights and training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import train as script
from learning_functions.model_files.model_file import load_model, save_model
from learning_functions.model_files.pretrained import SHIPPED
from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.task import Settings, load_task, settings_of
from learning_functions.training.teacher import Teacher
from learning_functions.training.warm_start.initial_model import IMAGE_FIELDS, WarmStart
from learning_functions.training.warm_start.layer_transfer import take_weights
from learning_functions.training.warm_start.two_branch import PROMPTED_TASK, SEGMENTER_TASK
from tests.tiny import tiny_settings, write_samples
from tests.training.test_merging import batch, saved, tiny
from tests.training.test_net2wider import trained as as_trained


def pair_of(filters: int = 2) -> tuple[Settings, keras.Model]:
    settings = tiny_settings(SEGMENTER_TASK, "pair", filters=filters)
    return settings, load_task(SEGMENTER_TASK).network(settings)


def trained(task: str, path: Path, preset: str = "shipped") -> keras.Model:
    """A model with weights as training leaves them, saved at the path."""
    saved(task, tiny_settings(task, preset), path, 4)
    network, card = load_model(path)
    save_model(as_trained(network), path, card)
    return network


def require_same(pair: dict[str, np.ndarray], given: dict[str, np.ndarray]) -> None:
    assert np.ptp(given["mask"]) > 1e-3, "constant masks would prove nothing"
    for name in ("mask", "complete", "level"):
        np.testing.assert_allclose(pair[name], given[name], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("filters", [2, 5])
def test_a_two_branch_model_started_from_a_segmenter_gives_its_outputs_in_both_branches(
    filters: int, tmp_path: Path
) -> None:
    segmenter = trained(SEGMENTER_TASK, tmp_path / "finder.h5")
    _, pair = pair_of(filters)
    take_weights(pair, WarmStart(tmp_path / "finder.h5"), SEGMENTER_TASK)
    for prompted in (False, True):
        inputs = batch(prompted)
        require_same(pair.predict_on_batch(inputs), segmenter.predict_on_batch(inputs[..., :2]))


@pytest.mark.parametrize("filters", [2, 4])
def test_a_two_branch_model_starts_from_another_and_with_more_filters(filters: int, tmp_path: Path) -> None:
    given = trained(SEGMENTER_TASK, tmp_path / "given.h5", "pair")
    _, pair = pair_of(filters)
    take_weights(pair, WarmStart(tmp_path / "given.h5"), SEGMENTER_TASK)
    for prompted in (False, True):
        require_same(*(each.predict_on_batch(batch(prompted)) for each in (pair, given)))


def test_a_two_branch_model_started_from_a_prompted_segmenter_gives_its_outputs(tmp_path: Path) -> None:
    drawer = trained(PROMPTED_TASK, tmp_path / "drawer.h5")
    _, pair = pair_of()
    take_weights(pair, WarmStart(tmp_path / "drawer.h5"), SEGMENTER_TASK)
    inputs = batch(prompted=True)
    own, theirs = pair.predict_on_batch(inputs)["mask"], drawer.predict_on_batch(inputs[..., [0, 2]])
    assert np.ptp(theirs) > 1e-3
    np.testing.assert_allclose(own, theirs, atol=1e-6)


def test_both_branches_start_from_the_layers_of_a_detection(tmp_path: Path) -> None:
    settings, pair = pair_of()
    own = tiny_settings("detection")
    inputs = {name: getattr(settings.spec, name) for name in IMAGE_FIELDS}
    saved("detection", own.changed(spec=replace(own.spec, **inputs)), tmp_path / "detection.h5", 6)
    take_weights(pair, WarmStart(tmp_path / "detection.h5"), SEGMENTER_TASK)
    body = [layer for layer in load_model(tmp_path / "detection.h5")[0].layers if layer.get_weights()]
    for half in ("", "drawn_"):
        for layer in body[:-1]:
            theirs, mine = layer.get_weights(), pair.get_layer(half + layer.name).get_weights()
            channels = theirs[0].shape[-2] if layer.name == "down0_a_conv" else None
            np.testing.assert_array_equal(mine[0][..., :channels, :] if channels else mine[0], theirs[0])
            assert not channels or not mine[0][..., channels:, :].any(), "memory and prompt have no effect yet"


@pytest.mark.parametrize("graph", ["fcn", "pair"])
def test_a_network_of_another_graph_is_refused_before_training(graph: str, tmp_path: Path) -> None:
    """Layers of both have the same names, and may have the same shapes."""
    given = saved(SEGMENTER_TASK, tiny(SEGMENTER_TASK, graph=graph, prompted_fraction=0.5), tmp_path / "given.h5", 1)
    chosen = (
        tiny(SEGMENTER_TASK, graph="unet", prompted_fraction=0.5)
        if graph == "pair"
        else tiny_settings(SEGMENTER_TASK, "pair")
    )
    store = open_store(write_samples(SEGMENTER_TASK, tmp_path, chosen)[0])
    with pytest.raises(ValueError, match=rf"graph {graph} and {chosen.options.graph}"):
        WarmStart(given).require_fit(store, tmp_path / "model.h5")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SampleStore]:
    """Samples of two presets, but fewer of them."""
    found = {}
    for preset in ("shipped", "pair"):
        folder = tmp_path_factory.mktemp(preset)
        settings = settings_of(load_task(SEGMENTER_TASK), preset).changed(samples_per_scan=1)
        found[preset] = open_store(write_samples(SEGMENTER_TASK, folder, settings)[0])
    return found


@pytest.mark.parametrize("role", [WarmStart, Teacher])
def test_the_requirements_of_the_shipped_two_branch_model_are_reported(
    role: type[WarmStart] | type[Teacher], stores: dict[str, SampleStore], tmp_path: Path
) -> None:
    given, model = role(SHIPPED / "instances.h5"), tmp_path / "model.h5"
    given.require_fit(stores["pair"], model)
    with pytest.raises(ValueError, match=r"memory 2 and 1.*; samples of --preset pair would fit\. Received: .*\.h5\."):
        given.require_fit(stores["shipped"], model)
    code = script.main([*[str(stores["shipped"].path)] * 2, str(model), "--start-from", str(given.path)])
    assert code == 2 and not model.exists()


def test_unsuitable_presets_are_not_proposed(stores: dict[str, SampleStore], tmp_path: Path) -> None:
    other = tiny_settings(SEGMENTER_TASK, "pair")  # with patches of no preset
    with pytest.raises(ValueError) as caught:
        Teacher(saved(SEGMENTER_TASK, other, tmp_path / "t.h5", 1)).require_fit(
            stores["shipped"], tmp_path / "model.h5"
        )
    assert "patch" in str(caught.value) and "--preset" not in str(caught.value)


def test_one_step_trains_both_branches() -> None:
    task, (settings, pair) = load_task(SEGMENTER_TASK), pair_of()
    as_trained(pair)
    before = {layer.name: layer.get_weights() for layer in pair.layers if layer.trainable_weights}
    inputs = np.concatenate([batch(prompted=False), batch(prompted=True)])
    target = np.random.default_rng(1).integers(0, 2, inputs.shape[:-1])
    numbers = np.tile(np.float32([[1.0, 1.0, 20.0]]), (len(inputs), 1))
    truth, _ = task.arrange(target, 255 * target, numbers, settings)
    pair.compile(keras.optimizers.SGD(0.01), loss=task.objective(settings).loss, jit_compile=False)
    assert np.isfinite(pair.train_on_batch(inputs, truth)).all()
    assert {"found", "drawn", "complete", "drawn_floor_a_conv"} <= set(before)
    for name, weights in before.items():
        kernel = pair.get_layer(name).get_weights()[0]
        assert np.isfinite(kernel).all() and not np.array_equal(kernel, weights[0]), name
