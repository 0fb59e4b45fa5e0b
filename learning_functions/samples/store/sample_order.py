"""The order of samples in the batches of an epoch, and reading them; all data pipelines use it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.sample_parts import Layout
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import SampleStore


class EpochReader:
    """The batches of one epoch as stored; they depend on the seed and the epoch alone.

    Where ``batch`` does not divide the samples, all batches have nearly the same size, at most ``batch``: a last batch
    of a single sample would disturb batch normalisation, and would leave nothing for the second of two devices. With
    ``drop_remainder``, all batches have ``batch`` samples, or all of a smaller store; the epoch leaves out the others.
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
        self._parts = store.parts(*(["tissues"] if tissues else []))

    @property
    def parts(self) -> dict[str, Layout]:
        """Dtype and shape of one sample of each array of read(); "place" is the sample's number since the first
        epoch."""
        return {**self._parts, "place": Layout("int64", ())}

    def read(self, step: int) -> dict[str, NDArray[Any]]:
        """The samples of a batch, an array (k, ...) for each of ``parts``, in their order.

        The places count all samples since the first epoch, so each is unique. The arrays are new for each call, since
        TensorFlow uses them in place.
        """
        chosen = self._chosen[step]
        arrays = {name: np.empty((chosen.size, *shape), dtype) for name, (dtype, shape) in self._parts.items()}
        self._reader.read(chosen, **arrays)
        return {**arrays, "place": self._first[step] + np.arange(chosen.size)}
