"""Which samples come in which batch of an epoch, and reading them: the same for every way of feeding a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.store import SampleReader, SampleStore


class EpochReader:
    """The batches of one epoch as stored; they depend on the seed and the epoch alone, not on what was read before.

    The last batch may be smaller; with ``drop_remainder`` it is left out, unless it is the only one.
    """

    def __init__(
        self, store: SampleStore, batch: int, *, epoch: int, seed: int, shuffle: bool, drop_remainder: bool = False
    ) -> None:
        if batch < 1 or epoch < 0:
            raise ValueError(f"A batch has 1 sample or more, the first epoch is 0. Received: {batch} and {epoch}.")
        self.store = store
        self.batch = min(batch, store.count)
        self.first = epoch * store.count
        rng = np.random.default_rng([seed, epoch])
        self.order = rng.permutation(store.count) if shuffle else np.arange(store.count)
        self.steps = store.count // self.batch if drop_remainder else -(-store.count // self.batch)
        self.even = drop_remainder or store.count % self.batch == 0
        self._reader = SampleReader(store)

    def read(self, step: int) -> tuple[NDArray[Any], ...]:
        """Inputs, targets, weights (where there are any), normalisation (k, 2) and the samples' numbers (k,).

        The numbers count all samples seen since the first epoch, so no two are alike. The arrays are new ones each
        time, since TensorFlow uses them in place.
        """
        store, start = self.store, step * self.batch
        chosen = self.order[start : start + self.batch]
        inputs = np.empty((chosen.size, *store.input_shape), store.input_dtype)
        targets = np.empty((chosen.size, *store.target_shape), store.target_dtype)
        weights = None
        if store.weight_dtype is not None:
            weights = np.empty((chosen.size, *store.weight_shape), store.weight_dtype)
        normalisation = np.empty((chosen.size, 2), np.float64)
        self._reader.read(chosen, inputs, targets, weights, normalisation)
        numbers = np.arange(self.first + start, self.first + start + chosen.size)
        return (inputs, targets, *([] if weights is None else [weights]), normalisation, numbers)
