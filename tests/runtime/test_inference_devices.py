"""The devices that trained networks run on: which are taken, and how their memory is used."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from learning_functions.inference.pass_memory import (
    FIXED_GB,
    MOST_GB,
    MOST_PATCHES_OF_A_GPU,
    bytes_per_voxel,
    pass_bytes,
    patches_at_once,
)
from learning_functions.runtime import inference_devices as devices
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice, inference_devices

GPU = InferenceDevice("/GPU:0", 40.0)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, bool]]:
    """A machine with two GPUs, of which TensorFlow tells the memory of one; what is set of their growth."""
    grown: list[tuple[Any, bool]] = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["first", "second"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, grows: grown.append((gpu, grows)))
    monkeypatch.setattr(devices, "_gpu_memory_gb", lambda: {0: 40.0})
    return grown


@pytest.mark.parametrize(
    ("device", "names"),
    [
        ("auto", ["/GPU:0", "/GPU:1"]),
        ("gpu", ["/GPU:0", "/GPU:1"]),
        ("gpu:1", ["/GPU:1"]),
        ("cpu", ["/CPU:0"]),
    ],
)
def test_all_gpus_share_a_cohort_unless_one_is_named(
    device: str, names: list[str], two_gpus: list[tuple[Any, bool]]
) -> None:
    assert [each.name for each in inference_devices(device)] == names
    assert two_gpus == [("first", True), ("second", True)], "memory grows on all that TensorFlow starts"


def test_the_memory_of_a_gpu_is_asked_of_tensorflow(two_gpus: list[tuple[Any, bool]]) -> None:
    assert [each.memory_gb for each in inference_devices("auto")] == [40.0, devices.UNKNOWN_GPU_GB]


def test_a_gpu_that_is_not_among_them_is_refused(two_gpus: list[tuple[Any, bool]]) -> None:
    with pytest.raises(ValueError, match=r"The GPUs here are gpu:0 to gpu:1\. Received: 'gpu:2'"):
        inference_devices("gpu:2")


def test_without_a_gpu_auto_takes_the_processor_and_gpu_is_refused() -> None:
    assert inference_devices("auto") == inference_devices("cpu") == (PROCESSOR,)
    with pytest.raises(ValueError, match="TensorFlow sees no GPU here; choose the device cpu"):
        inference_devices("gpu")


def test_growth_that_comes_too_late_is_no_error(
    two_gpus: list[tuple[Any, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(gpu: object, grows: bool) -> None:
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", late)
    assert len(inference_devices("auto")) == 2


def network() -> keras.Model:
    inputs = keras.Input((None, None, None, 1))
    return keras.Model(inputs, keras.layers.Conv3D(8, 1)(inputs))


@pytest.mark.parametrize(
    ("device", "memory_gb", "gb"),
    [
        (PROCESSOR, 4.0, 4.0 - FIXED_GB),
        (PROCESSOR, 64.0, MOST_GB - FIXED_GB),
        (PROCESSOR, 0.5, 0.1),
        (GPU, 0.5, 20.0),
        (GPU, 64.0, 20.0),
    ],
)
def test_a_pass_takes_main_memory_as_told_and_half_a_gpu_s_own(
    device: InferenceDevice, memory_gb: float, gb: float
) -> None:
    assert pass_bytes(device, memory_gb) == pytest.approx(gb * 1e9)


def test_a_batch_holds_as_many_patches_as_fit() -> None:
    each = bytes_per_voxel(network()) * 100**3
    assert patches_at_once(network(), (100, 100, 100), PROCESSOR, 4.0, fastest=8) == 8
    fitting = int((2.0 - FIXED_GB) * 1e9 // (8 * each))
    assert patches_at_once(network(), (200, 200, 200), PROCESSOR, 2.0, fastest=8) == fitting < 8
    assert patches_at_once(network(), (900, 900, 900), PROCESSOR, 4.0, fastest=8) == 1
    assert patches_at_once(network(), (100, 100, 100), GPU, 4.0, fastest=8) == MOST_PATCHES_OF_A_GPU
    assert patches_at_once(network(), (200, 200, 200), GPU, 4.0, fastest=8) == int(20e9 // (8 * each))


def test_what_runs_in_a_scope_runs_there() -> None:
    with PROCESSOR.scope():
        assert tf.constant(np.float32(1)).device.endswith("CPU:0")
