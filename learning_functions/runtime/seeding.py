"""The seeds of the random layers of a network, such as dropout: they follow from the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

STEPS_OF_AN_EPOCH = 2**20
"""The distance between the counters of two epochs."""


def seed_network(network: Any, seed: int, epoch: int) -> None:
    """Set the random generators of all layers for one epoch.

    Files do not keep the generators' state; without this a resumed run would draw other numbers.
    """
    for place, generator in enumerate(_generators(network)):
        first = (seed + 7919 * place) % 2**31
        generator.state.assign(np.array([first, epoch % 2**11 * STEPS_OF_AN_EPOCH], generator.state.dtype))


def _generators(network: Any) -> Iterator[Any]:
    """The generators of all layers, and of networks within the network, in order."""
    for layer in getattr(network, "layers", ()):
        if (generator := getattr(layer, "seed_generator", None)) is not None:
            yield generator
        yield from _generators(layer)
