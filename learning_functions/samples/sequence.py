"""Samples as a keras.utils.PyDataset, for backends without TensorFlow; not augmented."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.order import EpochReader
from learning_functions.samples.store import SampleStore


class SampleSequence(keras.utils.PyDataset):
    """The same batches, in the same order, as epoch_batches() gives without augmentation, from ``epoch`` on."""

    def __init__(self, store: SampleStore, batch: int, *, seed: int, shuffle: bool, epoch: int = 0) -> None:
        super().__init__()
        self._options: dict[str, Any] = {"store": store, "batch": batch, "seed": seed, "shuffle": shuffle}
        self._epoch = epoch
        self._batches = EpochReader(**self._options, epoch=epoch)

    def __len__(self) -> int:
        return self._batches.steps

    def __getitem__(self, index: int) -> tuple[NDArray[Any], ...]:
        x, y, *w, normalisation, _ = self._batches.read(index)
        spec = self._options["store"].spec
        normalised = np.stack(
            [spec.normalise(raw, *numbers) for raw, numbers in zip(x, normalisation, strict=True)],
        )
        return (normalised, y, *(part.astype(np.float32) for part in w))

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._batches = EpochReader(**self._options, epoch=self._epoch)
