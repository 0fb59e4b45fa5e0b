"""Two training steps of every task on one device, and on two devices and then three; this file runs as a program.

    python tests/training/device_steps.py FOLDER

FOLDER holds the samples of each task, an odd number of them. The first step, on two devices, has augmented samples. The
second resumes on three devices from the first one's weights and optimiser, with samples as they are and fewer of them
than devices. Then all samples are evaluated on three devices. One JSON object per task is printed.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from learning_functions.runtime.seeding import seed_network
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.replica_shares import in_whole_shares
from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.stored_settings import settings_from_samples
from learning_functions.task import Objective, Settings, Task, load_task
from learning_functions.training.distillation import with_teacher
from learning_functions.training.epochs import begin_epoch
from learning_functions.training.replica_learner import ReplicaLearner
from learning_functions.training.teacher import Teacher

FIRST, THEN = 2, 3
"""The devices of the first step, and those that resume."""
TAUGHT = "identification"
"""The task that also learns from a teacher."""


@functools.cache
def strategy(devices: int) -> tf.distribute.Strategy:
    """TensorFlow's collective operations know one number of devices in a process, so here one device adds up."""
    names = [f"CPU:{number}" for number in range(devices)]
    return tf.distribute.MirroredStrategy(names, cross_device_ops=tf.distribute.ReductionToOneDevice())


@dataclass(frozen=True)
class Steps:
    """The steps of one task; teacher: that of a student, None without one."""

    task: Task
    store: SampleStore
    settings: Settings
    teacher: keras.Model | None

    def learner(self, devices: int, state: list[np.ndarray]) -> tuple[keras.Model, keras.Model, Objective]:
        """The network with its weights and optimiser as in ``state``, and what trains it."""
        objective = self.task.objective(self.settings)
        network = self.task.network(self.settings)
        # Adam divides gradients by their own size, and so makes rounding of those that are zero as large as a rate.
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=self.settings.options.gradient_norm)
        network.compile(optimizer, objective.loss, metrics=metrics_of(objective), run_eagerly=True)
        optimizer.build(network.trainable_variables)
        for own, earlier in zip(state_of(network), state, strict=False):
            own.assign(earlier)
        taught = None
        if self.teacher is not None:
            taught = with_teacher(network, self.teacher, objective, Teacher(Path("teacher.h5")))
            taught.run_eagerly = True
        if devices == 1:
            return network, taught or network, objective
        learner = ReplicaLearner(network, objective, taught)
        learner.compile(optimizer, run_eagerly=True)
        return network, learner, objective

    def run(
        self, devices: int, number: int, batches: tf.data.Dataset, held_out: tf.data.Dataset, state: list[np.ndarray]
    ) -> tuple[dict[str, float], list[np.ndarray], list[str]]:
        """Figures of one step on ``batches`` and of an evaluation, the state after it, and the names of its parts."""
        with contextlib.nullcontext() if devices == 1 else strategy(devices).scope():
            network, learner, objective = self.learner(devices, state)
            begin_epoch(objective, network, number, 2)
            seed_network(network, 1, number)
            figures = {}
            for kind, given in (("", batches), ("val_", held_out)):
                if devices > 1:
                    found = self.on_all(learner, given, devices, training=not kind)
                elif kind:
                    found = learner.evaluate(given, return_dict=True, verbose=0)
                else:
                    found = learner.train_on_batch(*next(iter(given)), return_dict=True)
                figures |= {f"{kind}{name}": float(np.asarray(value)) for name, value in found.items()}
        parts = state_of(network)
        return figures, [np.asarray(part) for part in parts], [part.path for part in parts]

    def on_all(self, learner: ReplicaLearner, batches: Any, devices: int, training: bool) -> dict[str, Any]:
        step = learner.train_step if training else learner.test_step
        learner.reset_metrics()
        most = max(len(tf.nest.flatten(batch)[0]) for batch in batches)
        shares = in_whole_shares(batches, most, devices)
        for share in strategy(devices).experimental_distribute_dataset(shares):
            strategy(devices).run(step, args=(share,))
        return learner.get_metrics_result()

    def compared(self) -> dict[str, Any]:
        """The figures of both steps on one device and on several, and the largest difference of the states."""
        feed = partial(
            epoch_batches, self.store, seed=1, epoch=0, arrange=partial(self.task.arrange, settings=self.settings)
        )
        augment = self.task.augmentation(self.settings)
        # Whole batches on the named device, as on GPUs: the compiled loops of the processor take longer to make.
        augmented = feed(self.settings.batch, shuffle=True, augment=augment, device="/CPU:0").take(1).cache()
        plain = feed(self.settings.batch, shuffle=True).skip(1).take(1).cache()
        held_out = feed(self.settings.batch, shuffle=False).cache()
        keras.utils.set_random_seed(1)
        begun = one = several = [np.asarray(part) for part in state_of(self.learner(1, [])[0])]
        rows = []
        for number, (devices, batches, few) in enumerate(((FIRST, augmented, plain), (THEN, plain, held_out))):
            expected, one, names = self.run(1, number, batches, few, one)
            found, several, _ = self.run(devices, number, batches, few, several)
            rows.append([expected, found])
        apart, moved = (
            [float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True)] for other in (several, begun)
        )
        return {"rows": rows, "apart": max(apart), "where": names[int(np.argmax(apart))], "moved": max(moved)}


def state_of(network: keras.Model) -> list[Any]:
    """The variables of the network and of its optimiser."""
    return [*network.weights, *network.optimizer.variables]


def metrics_of(objective: Objective) -> Any:
    return dict(objective.metrics) if isinstance(objective.metrics, Mapping) else list(objective.metrics)


def main(folder: Path) -> None:
    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * THEN
    tf.config.set_logical_device_configuration(processor, parts)
    for path in sorted(folder.glob("*_training.h5")):
        store = open_store(path)
        task = load_task(store.task)
        settings = settings_from_samples(task, store.settings)
        for taught in (False, True) if task.name == TAUGHT else (False,):
            keras.utils.set_random_seed(2)
            teacher = task.network(settings) if taught else None
            found = Steps(task, store, settings, teacher).compared()
            sys.stdout.write(json.dumps({"name": f"{task.name}{', taught' * taught}", **found}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
