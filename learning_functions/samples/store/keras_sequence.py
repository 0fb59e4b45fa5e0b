"""Samples as a keras.utils.PyDataset without augmentation and without TensorFlow: numpy arrays, as JAX takes them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from learning_functions.samples.sample_parts import WEIGHTS
from learning_functions.samples.store.sample_order import EpochReader
from learning_functions.samples.store.sample_store import SampleStore
from learning_functions.task import Arrange


class SampleSequence(keras.utils.PyDataset):
    """The same batches, in the same order, as epoch_batches() gives without augmentation, from ``epoch`` on."""

    def __init__(
        self,
        store: SampleStore,
        batch: int,
        *,
        seed: int,
        shuffle: bool,
        epoch: int = 0,
        arrange: Arrange | None = None,
    ) -> None:
        super().__init__()
        self._arrange = arrange
        self._options: dict[str, Any] = {"store": store, "batch": batch, "seed": seed, "shuffle": shuffle}
        self._epoch = epoch
        self._batches = EpochReader(**self._options, epoch=epoch)

    def __len__(self) -> int:
        return self._batches.steps

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        parts = self._batches.read(index)
        spec = self._options["store"].spec
        x = np.stack(
            [spec.normalise(raw, *pair) for raw, pair in zip(parts["inputs"], parts["normalisation"], strict=True)],
        )
        if "memory" in parts:
            memory = parts["memory"].reshape(*x.shape[:-1], self._options["store"].memory_channels)
            x = np.concatenate([x, memory.astype(np.float32)], axis=-1)
        y, w = parts["targets"], parts["weights"].astype(WEIGHTS.batch_dtype) if "weights" in parts else None
        if self._arrange is not None:
            y, w = self._arrange(y, w, parts.get("numbers"))
        return (x, y) if w is None else (x, y, w)

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._batches = EpochReader(**self._options, epoch=self._epoch)
