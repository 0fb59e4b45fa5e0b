"""What chance decides inside a network, such as dropout, made to follow from the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

STEPS_OF_AN_EPOCH = 2**20
"""Draws are counted on from one epoch's first by so many for the next."""


def seed_network(network: Any, seed: int, epoch: int) -> None:
    """Sets every generator of a network's layers for one epoch.

    Files keep no generator's state, so that a run gone on with would draw otherwise.
    """
    for place, generator in enumerate(_generators(network)):
        first = (seed + 7919 * place) % 2**31
        generator.state.assign(np.array([first, epoch % 2**11 * STEPS_OF_AN_EPOCH], generator.state.dtype))


def _generators(network: Any) -> Iterator[Any]:
    """Those of all layers, and of networks within the network, in their order."""
    for layer in getattr(network, "layers", ()):
        if (generator := getattr(layer, "seed_generator", None)) is not None:
            yield generator
        yield from _generators(layer)
