"""The order of samples in the batches of each epoch, and reading them; all data pipelines use it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.sample_parts import Layout
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import SampleStore


class EpochReader:
    """The batches of one epoch or of several, one after another; each epoch depends on the seed and its number alone.

    Where ``batch`` does not divide the samples, all batches have nearly the same size, at most ``batch``: a last batch
    of a single sample would disturb batch normalisation. With ``drop_remainder``, all batches have ``batch`` samples,
    or all of a smaller store; the epoch leaves out the others.
    """

    def __init__(
        self,
        store: SampleStore,
        batch: int,
        *,
        epoch: int,
        seed: int,
        shuffle: bool,
        epochs: int = 1,
        drop_remainder: bool = False,
        tissues: bool = False,
    ) -> None:
        if batch < 1 or epoch < 0 or epochs < 1:
            raise ValueError(
                "A batch has 1 sample or more, the first epoch is 0, and there is one or more. "
                f"Received: {batch}, {epoch} and {epochs}."
            )
        self.store = store
        self.epoch, self.epochs = epoch, epochs
        self.largest = min(batch, store.count)
        count = store.count // self.largest * self.largest if drop_remainder else store.count
        self.steps = -(-count // self.largest)
        self.size = self.largest if count % self.largest == 0 else None
        self._first_of_batch = np.cumsum([0, *(each.size for each in np.array_split(np.arange(count), self.steps))])
        self._seed = seed if shuffle else None
        self._reader = SampleReader(store)
        self._parts = store.parts(*(["tissues"] if tissues else []))

    @property
    def parts(self) -> dict[str, Layout]:
        """Dtype and shape of one sample of each array of read(); "place" is the sample's number since epoch 0."""
        return {**self._parts, "place": Layout("int64", ())}

    def read(self, step: int) -> dict[str, NDArray[Any]]:
        """The samples of a batch, an array (k, ...) for each of ``parts``, in their order.

        step: from 0 on; ``steps`` of them are an epoch, and those of the next epoch follow. The places count all
        samples since epoch 0, so each is unique. The arrays are new for each call, since TensorFlow uses them in place.
        """
        later, step = divmod(int(step), self.steps)
        epoch = self.epoch + later
        first, last = self._first_of_batch[step : step + 2]
        chosen = _order(self.store.count, epoch, self._seed)[first:last]
        arrays = {name: np.empty((chosen.size, *shape), dtype) for name, (dtype, shape) in self._parts.items()}
        self._reader.read(chosen, **arrays)
        return {**arrays, "place": epoch * self.store.count + np.arange(first, last)}


@lru_cache(maxsize=4)
def _order(count: int, epoch: int, seed: int | None) -> NDArray[np.int_]:
    """The numbers of all samples in the order of an epoch; without a seed as they are stored."""
    return np.arange(count) if seed is None else np.random.default_rng([seed, epoch]).permutation(count)
