"""Two training steps of every task by Keras's present backend; under JAX this file runs as a program.

    KERAS_BACKEND=jax python tests/training/jax_steps.py FOLDER

FOLDER holds for each task the samples, and the weights to begin with. The losses are printed as JSON.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np

from learning_functions.samples.store.keras_sequence import SampleSequence
from learning_functions.samples.store.sample_store import open_store
from learning_functions.stored_settings import settings_from_samples
from learning_functions.task import load_task
from learning_functions.training.epochs import begin_epoch

EPOCHS = 2
"""The second step belongs to the last of them: a loss that changes over the epochs has its last weight."""


def losses(folder: Path, name: str, eagerly: bool) -> list[float]:
    """The losses of a batch in two training steps with a learning rate of 0, from the weights in ``folder``.

    The weights are written where there are none yet.
    """
    task, store = load_task(name), open_store(folder / f"{name}_training.h5")
    settings = settings_from_samples(task, store.settings)
    network, objective = task.network(settings), task.objective(settings)
    weights = folder / f"{name}.npz"
    if not weights.exists():
        np.savez(weights, *network.get_weights())
    with np.load(weights) as begun:
        network.set_weights(list(begun.values()))
    metrics = objective.metrics if isinstance(objective.metrics, dict) else list(objective.metrics)
    network.compile(keras.optimizers.SGD(0.0), objective.loss, metrics=metrics, run_eagerly=eagerly)
    arrange = partial(task.arrange, settings=settings)
    sequence = SampleSequence(store, settings.batch, seed=1, shuffle=False, arrange=arrange)
    found = []
    for epoch in range(EPOCHS):
        begin_epoch(objective, network, epoch, EPOCHS)
        found.append(float(network.train_on_batch(*sequence[0], return_dict=True)["loss"]))
    return found


if __name__ == "__main__":
    given = Path(sys.argv[1])
    names = sorted(path.stem for path in given.glob("*.npz"))
    found = {name: losses(given, name, eagerly=False) for name in names}
    sys.stdout.write(json.dumps({"backend": keras.backend.backend(), "losses": found}) + "\n")
