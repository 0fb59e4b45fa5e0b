"""Training on several devices of one machine gives what one device gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from tests.tiny import tiny_settings, write_samples

ROOT = Path(__file__).resolve().parents[2]
TRAINING = """
import json, sys
from pathlib import Path
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from learning_functions.training.fit import train
from learning_functions.training.training_choices import Training
samples, model = Path(sys.argv[1]), Path(sys.argv[2])
figures = []
for strategy in (tf.distribute.OneDeviceStrategy("CPU:0"), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    with strategy.scope():
        progress = train(samples, samples.with_name("others.h5"), model, lambda told: told, Training(augment="none"))
    figures.append({**progress.history[-1], "devices": strategy.num_replicas_in_sync})
print(json.dumps(figures))
"""
"""A process of its own, since TensorFlow parts the processor only before it is first used."""


def write_one_sample_often(path: Path, source: Path, patient: str) -> None:
    """The first sample of ``source`` eight times: every part of a batch has the same statistics then."""
    store = open_store(source)
    x = np.empty((1, *store.input_shape), store.input_dtype)
    y = np.empty((1, *store.target_shape), store.target_dtype)
    SampleReader(store).read([0], x, y)
    with SampleWriter(path, task=store.task, spec=store.spec, settings=store.settings) as writer:
        for _ in range(8):
            writer.append(x[0], y[0], normalisation=(0.0, 1e-3), case_id=patient)


@pytest.mark.parametrize("task", ["detection", "identification"])
def test_two_devices_train_as_one(task: str, tmp_path: Path) -> None:
    training, validation = write_samples(task, tmp_path, tiny_settings(task))
    write_one_sample_often(tmp_path / "samples.h5", training, "one")
    write_one_sample_often(tmp_path / "others.h5", validation, "another")
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, tmp_path / "samples.h5", tmp_path / "model.h5"],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = json.loads(done.stdout.splitlines()[-1])
    assert (one["devices"], two["devices"]) == (1, 2)
    assert one["loss"] > 0
    for figure in ("loss", "val_loss"):
        np.testing.assert_allclose(two[figure], one[figure], rtol=1e-3, err_msg=figure)
