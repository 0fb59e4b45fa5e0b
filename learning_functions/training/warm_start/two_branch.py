"""Where the layers of a finder and of a drawer stand in the network of both (`keras_models/outline_unet.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.instance_presets import TWO_BRANCH
from learning_functions.stored_settings import settings_from_card
from learning_functions.task import load_task

if TYPE_CHECKING:
    import keras

FINDS, DRAWS = "instances", "vertebra_masks"
"""The tasks of the two, whose graph is "unet"."""
FOUND, DRAWN = "found", "drawn"
"""The halves of a pair, and the layers that they end in."""


def is_pair(network: keras.Model) -> bool:
    """Whether a network holds two, one that finds and one that draws."""
    return {FOUND, DRAWN} <= {layer.name for layer in network.layers}


def name_in_pair(name: str, half: str) -> str:
    """What a layer of a network that finds or draws is called in one half of a pair."""
    if name == "mask":
        return half
    return name if half == FOUND else f"{DRAWN}_{name}"


def give(pair: keras.Model, half: str, given: keras.Model, prompted: bool = False) -> None:
    """Give one half of a pair the weights of a network of its own; layers that the half lacks are passed over.

    marked: whether the last channel that the given network sees is a mark, and not memory.
    Raises: ValueError where weights have other shapes.
    """
    halves = {layer.name: layer for layer in pair.layers}
    for layer in given.layers:
        weights, own = layer.get_weights(), halves.get(name_in_pair(layer.name, half))
        if not weights or own is None:
            continue
        placed = [fitted(each, like, prompted) for each, like in zip(weights, own.get_weights(), strict=True)]
        if any(each is None for each in placed):
            raise ValueError(f"The two halves are built otherwise than what is given. Received: {layer.name}.")
        own.set_weights(placed)


def as_pair(finder: keras.Model, card: Mapping[str, Any]) -> keras.Model:
    """A pair that answers as a finder does, whether or not there is a mark: both halves begin with its weights."""
    task = load_task(FINDS)
    settings = settings_from_card(task, card)
    pair = task.network(settings.with_options(graph=TWO_BRANCH))
    for half in (FOUND, DRAWN):
        give(pair, half, finder)
    return pair


def fitted(given: NDArray[Any], own: NDArray[Any], prompted: bool = False) -> NDArray[Any] | None:
    """The given weights in the shape of the own ones, zeros for channels not seen before; None where they do not fit.

    The channels seen before are the first ones; if ``prompted``, the last of them is the last.
    """
    if given.shape == own.shape:
        return given
    alike = given.ndim == own.ndim >= 3 and given.shape[:-2] == own.shape[:-2] and given.shape[-1] == own.shape[-1]
    if not alike or given.shape[-2] > own.shape[-2]:  # of a kernel: (*size, channels, filters)
        return None
    seen = np.arange(given.shape[-2])
    if prompted:
        seen[-1] = own.shape[-2] - 1
    wider = np.zeros(own.shape, given.dtype)
    wider[..., seen, :] = given
    return wider
