"""Memory that training gains from epoch to epoch: one fit() of all epochs against a fit() for each, side by side.

A small network learns from phantoms' landmarks. Each form runs in a process of its own, which notes the memory that it
holds (resident set) after every epoch. The gain is the slope over the epochs after the third, by which graphs are made.
"""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.scripts import alone, run_script

EPOCHS, WARM = 16, 3
CEILING = 0.25
"""The most of the reference's gain that one fit() may have."""


class Memory(keras.callbacks.Callback):
    """Notes the resident memory, in MB, after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.mb: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.mb.append(pages * 4096 / 1e6)


def one_fit(samples: Path) -> list[float]:
    from learning_functions.training.fit import train
    from learning_functions.training.training_choices import Training

    memory = Memory()
    paths = samples / "training.h5", samples / "validation.h5"
    train(
        *paths,
        samples / "model.h5",
        lambda told: told.changed(epochs=EPOCHS, batch=4, filters=2),
        Training(augment="standard", callbacks=(memory,)),
    )
    return memory.mb


def a_fit_for_each(samples: Path) -> list[float]:
    """The plain form: each epoch has data sets and a call of fit() of its own."""
    from learning_functions.samples.store.batches import epoch_batches
    from learning_functions.samples.store.sample_store import open_store
    from learning_functions.stored_settings import settings_from_samples
    from learning_functions.task import load_task

    memory, task = Memory(), load_task("identification")
    stores = [open_store(samples / f"{name}.h5") for name in ("training", "validation")]
    settings = settings_from_samples(task, stores[0].settings).changed(filters=2)
    network, objective = task.network(settings), task.objective(settings)
    network.compile("adam", objective.loss, metrics=list(objective.metrics), jit_compile=False)
    held_out = epoch_batches(stores[1], 4, epoch=0, seed=1, shuffle=False)
    for epoch in range(EPOCHS):
        batches = epoch_batches(stores[0], 4, epoch=epoch, seed=1, shuffle=True, augment=task.augmentation(settings))
        network.fit(
            batches, validation_data=held_out, initial_epoch=epoch, epochs=epoch + 1, callbacks=[memory], verbose=0
        )
        network.save(samples / "network.keras")
    return memory.mb


def gain(mb: list[float]) -> float:
    """MB per epoch."""
    after = mb[WARM:]
    return float(np.polyfit(np.arange(len(after)), after, 1)[0])


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        for seed, name in enumerate(("training", "validation")):
            scans, few = "phantom:2:lumbar", ("--samples-per-scan", "4", "--preset", "small", "--workers", "1")
            run_script("generate_samples.py", "identification", scans, f"{made}/{name}.h5", *few, "--seed", str(seed))
        ours, reference = (gain(alone(form, Path(made))) for form in (one_fit, a_fit_for_each))
        ratio = max(ours, 0.0) / reference
        print(
            f"memory gained per epoch: {ours:.2f} MB by one fit(), {reference:.2f} MB by a fit() for each epoch, "
            f"{ratio:.2f} of it (ceiling {CEILING:g})",
            flush=True,
        )


if __name__ == "__main__":
    main()
