"""Losses under JAX are TensorFlow's, at given weights and after a step.

Where several voxels of a window share the largest value, TensorFlow's 3D max pooling on the processor passes the whole
gradient to each of them; JAX, and TensorFlow in 2D, pass it to the first. It matters where normalisation follows the
ReLU, as in ``instances``: whole windows are 0 there. For the step, TensorFlow pools in 2D here, twice.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src import backend

from learning_functions.task import task_names
from tests.tiny import tiny_settings, write_samples
from tests.training import jax_steps

ROOT = Path(__file__).resolve().parents[2]
LEARNT_SIGMAS = "vertebra_heatmaps"


def pooled_in_2d(inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", *_: object) -> Any:
    """``max_pool`` of Keras's backend for windows of (batch, x, y, z, channels) that do not overlap."""
    assert strides in (None, pool_size) and padding == "valid"
    a, b, c = (pool_size,) * 3 if isinstance(pool_size, int) else pool_size
    _, x, y, z, channels = inputs.shape
    planes = tf.nn.max_pool2d(tf.reshape(inputs, (-1, y, z, channels)), (b, c), (b, c), "VALID")
    columns = tf.reshape(planes, (-1, x, (y // b) * (z // c), channels))
    pooled = tf.nn.max_pool2d(columns, (a, 1), (a, 1), "VALID")
    return tf.reshape(pooled, (-1, x // a, y // b, z // c, channels))


@pytest.fixture
def first_of_equals(monkeypatch: pytest.MonkeyPatch) -> None:
    """3D max pooling that passes its gradient to the first voxel of those that share the largest value."""
    of_backend = backend.nn.max_pool

    def max_pool(inputs: Any, *arguments: Any, **options: Any) -> Any:
        return (pooled_in_2d if len(inputs.shape) == 5 else of_backend)(inputs, *arguments, **options)

    monkeypatch.setattr(backend.nn, "max_pool", max_pool)


def gradient_of_pooling(x: np.ndarray) -> np.ndarray:
    with tf.GradientTape() as tape:
        values = tf.constant(x)
        tape.watch(values)
        total = tf.reduce_sum(keras.ops.max_pool(values, 2))
    return np.asarray(tape.gradient(total, values))


def test_3d_max_pooling_on_the_processor_passes_its_gradient_to_all_equals() -> None:
    """If this fails, TensorFlow has mended it, and docs/limits.md says something that is no longer true."""
    assert gradient_of_pooling(np.zeros((1, 2, 2, 2, 1), np.float32)).sum() == 8
    assert gradient_of_pooling(np.zeros((1, 2, 2, 1), np.float32)).sum() == 1


@pytest.mark.parametrize("window", [2, (1, 2, 2)])
def test_pooling_twice_in_2d_gives_the_same_values(first_of_equals: None, window: int | tuple[int, int, int]) -> None:
    x = np.random.default_rng(1).normal(size=(2, 4, 6, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(keras.ops.max_pool(x, window), tf.nn.max_pool3d(x, window, window, "VALID"))
    assert gradient_of_pooling(np.zeros((1, 2, 2, 2, 1), np.float32)).sum() == 1


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="the extra 'jax' is not installed")
def test_a_step_of_every_task_has_tensorflow_s_loss(tmp_path: Path, first_of_equals: None) -> None:
    """The loss of the step, at given weights. Losses after it agree in most runs, not in all (docs/limits.md)."""
    expected = {}
    for name in task_names():
        settings = tiny_settings(name, learning_rate=0.01)
        if name == "naming":
            settings = settings.with_options(dropout=0.0)  # each backend draws other numbers
        if name == LEARNT_SIGMAS:
            settings = settings.with_options(learn_sigma=True)
        write_samples(name, tmp_path, settings)
        expected[name] = jax_steps.losses(tmp_path, name, eagerly=True)
    done = subprocess.run(
        [sys.executable, jax_steps.__file__, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["backend"] == "jax" and found["losses"].keys() == expected.keys()
    for name, values in expected.items():
        assert found["losses"][name][0] == pytest.approx(values[0], rel=1e-4, abs=1e-4), name
        assert values[0] != values[1], "the step changed the weights"
