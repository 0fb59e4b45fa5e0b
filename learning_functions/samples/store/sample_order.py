"""Which samples come in which batch of an epoch, and reading them: the same for every way of feeding a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.sample_parts import Layout
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import SampleStore


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
        self._parts = store.parts(*(["tissues"] if tissues else []))

    @property
    def parts(self) -> dict[str, Layout]:
        """Dtype and shape, of one sample, of what read() gives by name; "place" is the sample's among all seen."""
        return {**self._parts, "place": Layout("int64", ())}

    def read(self, step: int) -> dict[str, NDArray[Any]]:
        """The samples of a batch, an array (k, ...) for each of ``parts``, in their order.

        The places count all samples seen since the first epoch, so no two are alike. The arrays are new ones each
        time, since TensorFlow uses them in place.
        """
        chosen = self._chosen[step]
        arrays = {name: np.empty((chosen.size, *shape), dtype) for name, (dtype, shape) in self._parts.items()}
        self._reader.read(chosen, **arrays)
        return {**arrays, "place": self._first[step] + np.arange(chosen.size)}
