"""Which samples come in which batch of an epoch, and reading them: the same for every way of feeding a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.store import SampleReader, SampleStore


class EpochReader:
    """The batches of one epoch as stored; they depend on the seed and the epoch alone, not on what was read before.

    Where ``batch`` does not divide the samples, all batches are nearly alike and ``batch`` at most: a last one of a
    single sample would upset batch normalisation, and leave nothing for the second of two devices. With
    ``drop_remainder`` all are of ``batch``, or of all there are, and the samples left over wait for another epoch.
    """

    def __init__(
        self,
        store: SampleStore,
        batch: int,
        *,
        epoch: int,
        seed: int,
        shuffle: bool,
        drop_remainder: bool = False,
        tissues: bool = False,
    ) -> None:
        if batch < 1 or epoch < 0:
            raise ValueError(f"A batch has 1 sample or more, the first epoch is 0. Received: {batch} and {epoch}.")
        self.store = store
        size = min(batch, store.count)
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(store.count) if shuffle else np.arange(store.count)
        if drop_remainder:
            order = order[: store.count // size * size]
        self.steps = -(-order.size // size)
        self.size = size if order.size % size == 0 else None
        self._chosen = np.array_split(order, self.steps)
        self._first = epoch * store.count + np.cumsum([0, *(chosen.size for chosen in self._chosen)])
        self._reader = SampleReader(store)
        self._tissues = tissues

    def read(self, step: int) -> tuple[NDArray[Any], ...]:
        """Inputs, targets, weights (if any), tissues (if asked for), normalisation (k, 2) and numbers (k,) of samples.

        The numbers count all samples seen since the first epoch, so no two are alike. The arrays are new ones each
        time, since TensorFlow uses them in place.
        """
        store, chosen = self.store, self._chosen[step]
        inputs = np.empty((chosen.size, *store.input_shape), store.input_dtype)
        targets = np.empty((chosen.size, *store.target_shape), store.target_dtype)
        weights = None
        if store.weight_dtype is not None:
            weights = np.empty((chosen.size, *store.weight_shape), store.weight_dtype)
        normalisation = np.empty((chosen.size, 2), np.float64)
        tissues = np.empty(inputs.shape, np.uint8) if self._tissues else None
        self._reader.read(chosen, inputs, targets, weights, normalisation, tissues)
        numbers = self._first[step] + np.arange(chosen.size)
        optional = [part for part in (weights, tissues) if part is not None]
        return (inputs, targets, *optional, normalisation, numbers)
