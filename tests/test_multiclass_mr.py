"""Vertebrae, discs and canal in MR: presets, samples, the network over thick slices, and names by declaration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_models.unet import sliced_unet
from learning_functions.inference.pass_memory import strides_of
from learning_functions.inference.sliding_window import run_tiles, tile_plan
from learning_functions.measure.structure_scoring import true_structures
from learning_functions.options import InferenceOptions
from learning_functions.task import Settings, load_task, settings_of
from learning_functions.training.fit import optimiser
from losses_and_metrics.dense_losses import VoxelAccuracy, WeightedCrossentropy
from tests.made_spines import spine
from tests.tiny import tiny_settings
from tests.views import known_after, view_of
from utility_functions.anatomy.structures import STRUCTURES, structures_of
from utility_functions.files.cases import Case, Scan, load_scan
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import VertebraMap

TASK = load_task("multiclass_mr")


def made_scan(code: str = "spider") -> Scan:
    labels = spine(4, "PIR")
    values = (
        np.random.default_rng(1).random(labels.voxels.shape, np.float32) + 5 * structures_of(labels, "spider").voxels
    )
    return Scan(Case("1_t2", Path("1_t2.mha"), label_code=code), Volume(values, labels.grid), None, labels)


def test_the_published_form_and_the_one_in_millimetres() -> None:
    paper, spaced = (settings_of(TASK, name) for name in ("paper", "spaced"))
    assert paper.spec.patch == (32, 128, 256) and paper.options.resized and paper.options.cropped
    assert spaced.spec.spacing_mm == (2.0, 0.6, 0.6) and not spaced.options.resized
    for settings in (paper, spaced):
        assert settings.spec.labels == STRUCTURES and settings.weight_decay > 0
        assert isinstance(TASK.objective(settings).loss, WeightedCrossentropy)


def test_weight_decay_makes_adam_adamw() -> None:
    assert type(optimiser(1e-3, 0.0)) is keras.optimizers.Adam
    decaying = optimiser(1e-3, 1e-4)
    assert type(decaying) is keras.optimizers.AdamW and decaying.weight_decay == 1e-4
    with pytest.raises(ValueError, match=r"weight decay.*Received: -1"):
        replace(settings_of(TASK, "small"), weight_decay=-1)


def test_settings_of_older_files_have_no_weight_decay() -> None:
    stored = {name: value for name, value in settings_of(TASK, "small").to_json().items() if name != "weight_decay"}
    assert Settings.from_json(stored, TASK.options_type).weight_decay == 0.0


def test_flat_levels_pool_and_convolve_within_slices_alone() -> None:
    network = sliced_unet((4, 16, 16), 1, 2, 3, 4, flat_levels=2)
    assert network.output_shape == (None, 4, 16, 16, 4) and strides_of(network) == (1, 4, 4)
    assert strides_of(sliced_unet((4, 16, 16), 1, 2, 3, 4, flat_levels=1)) == (2, 4, 4)
    kernels = [layer.kernel_size for layer in network.layers if layer.name.endswith("a_conv")]
    assert kernels == [(1, 3, 3), (1, 3, 3), (3, 3, 3), (1, 3, 3), (1, 3, 3)]
    answers = np.asarray(network(np.zeros((1, 4, 16, 16, 1), np.float32)))
    np.testing.assert_allclose(answers.sum(axis=-1), 1, atol=1e-5)


def test_tiles_are_multiples_of_each_axis_s_own_stride() -> None:
    size, core, firsts = tile_plan((5, 30, 30), (1, 4, 4), (1, 4, 8), np.inf)
    assert (size, core, firsts) == ((5, 32, 32), (5, 30, 30), [(0, 0, 0)])
    network = sliced_unet((4, 16, 16), 1, 2, 2, 4, flat_levels=1)
    found = run_tiles(network, np.zeros((5, 19, 21, 1), np.float32), (1, 4, 4), 2.0, lambda p: p, -1.0)
    assert found.shape == (5, 19, 21, 4)


def test_samples_show_each_class_and_the_image_minimum_outside() -> None:
    settings = tiny_settings("multiclass_mr", samples_per_scan=9)
    drawn = TASK.samples(made_scan(), settings, np.random.default_rng(1))
    assert len(drawn) == 9
    for sample in drawn:
        assert sample.inputs.shape == (*settings.spec.patch, 1) and sample.targets.shape == settings.spec.patch
        assert sample.targets.dtype == np.uint8 and sample.targets.max() <= 3
        assert sample.inputs.min() >= 0, "MR is not padded with -1024 HU"
    shown = [set(np.unique(sample.targets).tolist()) for sample in drawn]
    assert all(any(code in each for each in shown) for code in (1, 2, 3))


def test_the_whole_scan_is_in_each_sample_where_it_is_resized() -> None:
    settings = tiny_settings("multiclass_mr", "paper", samples_per_scan=2)
    first, second = TASK.samples(made_scan(), settings, np.random.default_rng(1))
    assert np.array_equal(first.inputs, second.inputs) and set(np.unique(first.targets)) == {0, 1, 2, 3}


@pytest.mark.parametrize(("code", "output"), [("csi2014", "SPIDER's code"), ("totalsegmentator", "SPIDER's code")])
def test_masks_without_discs_and_canal_are_refused(code: str, output: str) -> None:
    with pytest.raises(ValueError, match=output):
        TASK.samples(made_scan(code), tiny_settings("multiclass_mr"), np.random.default_rng(1))


def test_without_masks_there_is_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match="no label map"):
        TASK.samples(replace(made_scan(), label_map=None), tiny_settings("multiclass_mr"), np.random.default_rng(1))


@pytest.mark.parametrize("kind", ["mr-t2", "ct"])
def test_streamed_phantoms_of_any_kind_give_samples_and_truth(kind: str) -> None:
    settings = tiny_settings("multiclass_mr")
    (case,) = find_cases(Path(f"phantom:1:lumbar:seed=3:{kind}"))
    scan = load_scan(case, tissues=True, spacing_mm=(6, 5, 5), axcodes="RAS")
    drawn = TASK.samples(scan, settings.at_spacing((6.0, 5.0, 5.0)), np.random.default_rng(1))
    assert all(sample.tissues is not None for sample in drawn)
    assert {code for sample in drawn for code in np.unique(sample.targets).tolist()} == {0, 1, 2, 3}
    true = true_structures(scan)
    assert 100 in true.voxels and (true.voxels > 200).any() and (true.voxels == 1).any() | (true.voxels == 101).any()


class TrueClasses(keras.layers.Layer):
    """Probability 1 of the class that the image holds, (..., 1) to (..., 4)."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.one_hot(keras.ops.cast(keras.ops.round(inputs[..., 0]), "int32"), 4)


def predicted(lowest: str | None) -> Findings:
    """The findings of a network that predicts the true classes."""
    true = structures_of(spine(4), "spider")
    image = Volume(true.voxels.astype(np.float32), true.grid)

    inputs = keras.Input((None, None, None, 1))
    network = keras.Model(inputs, TrueClasses()(inputs))
    view = view_of(image, lowest=lowest)
    return known_after(TASK.predict(network, settings_of(TASK, "small"), view), view)


def test_vertebrae_are_counted_and_named_in_order_or_from_the_declared_lowest() -> None:
    plain = predicted(None)
    assert plain.numbered is not None and np.array_equal(plain.numbered.voxels, spine(4).voxels)
    assert plain.landmarks is not None and plain.naming is not None and plain.naming.ranges
    assert isinstance(plain.instances, VertebraMap) and len(np.unique(plain.instances.voxels)) == 5
    named = predicted("L5")
    assert named.landmarks is not None and named.landmarks.names == ("L2", "L3", "L4", "L5")
    assert isinstance(named.instances, LabelMap) and set(np.unique(named.instances.voxels)) == {0, 21, 22, 23, 24}
    assert {*named.maps, "landmarks"} <= {*TASK.gives, *TASK.may_give}, "otherwise no file would have names"  # type: ignore
    assert isinstance(named.instances, VertebraMap) and any("declared" in note for note in named.notes)


def test_another_lowest_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lowest vertebra is one of.*'S1'"):
        InferenceOptions(lowest="S1")


@pytest.mark.parametrize(
    ("truth", "answers", "accuracy"),
    [([0, 1, 2, 3], [0, 1, 2, 3], 1.0), ([0, 1, 2, 3], [0, 0, 0, 0], 0.25), ([1, 1], [2, 3], 0.0)],
)
def test_accuracy_is_the_fraction_of_correct_voxels(truth: list[int], answers: list[int], accuracy: float) -> None:
    metric = VoxelAccuracy()
    metric.update_state(np.array([truth], np.uint8), np.eye(4, dtype=np.float32)[answers][None])
    assert float(metric.result()) == pytest.approx(accuracy)
