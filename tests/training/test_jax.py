"""At given weights, networks and losses under JAX give the losses that they give under TensorFlow."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from learning_functions.task import task_names
from tests.tiny import tiny_settings, write_samples
from tests.training import jax_steps

ROOT = Path(__file__).resolve().parents[2]
LEARNT_SIGMAS = "vertebra_heatmaps"


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


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="the extra 'jax' is not installed")
def test_two_steps_of_every_task_have_tensorflow_s_losses(tmp_path: Path) -> None:
    """At given weights, in the first and the last epoch: the loss of instances has another weight in each."""
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
        assert found["losses"][name] == pytest.approx(values, rel=1e-4, abs=1e-4), name
        assert (values[0] != values[1]) == (name == "instances"), "its loss alone changes over the epochs"
