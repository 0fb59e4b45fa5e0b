"""The layers of an iterative and of a landmark-prompted segmenter in a two-branch model (`outline_unet.py`)."""

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

SEGMENTER_TASK, PROMPTED_TASK = "instances", "vertebra_masks"
"""The tasks of the two networks, whose graph is "unet"."""
SEGMENTER_BRANCH, PROMPTED_BRANCH = "found", "drawn"
"""The branches, named by the layers that they end in."""


def is_two_branch(network: keras.Model) -> bool:
    """Whether a network has both branches."""
    return {SEGMENTER_BRANCH, PROMPTED_BRANCH} <= {layer.name for layer in network.layers}


def name_in_branch(name: str, half: str) -> str:
    """The name of a layer of a single network in one branch."""
    if name == "mask":
        return half
    return name if half == SEGMENTER_BRANCH else f"{PROMPTED_BRANCH}_{name}"


def set_branch_weights(pair: keras.Model, half: str, given: keras.Model, prompted: bool = False) -> None:
    """Set the weights of one branch to those of a single network; layers that the branch lacks are skipped.

    prompted: whether the last input channel of the given network is a landmark prompt, and not memory.
    Raises: ValueError where weights have other shapes.
    """
    halves = {layer.name: layer for layer in pair.layers}
    for layer in given.layers:
        weights, own = layer.get_weights(), halves.get(name_in_branch(layer.name, half))
        if not weights or own is None:
            continue
        placed = [fitted(each, like, prompted) for each, like in zip(weights, own.get_weights(), strict=True)]
        if any(each is None for each in placed):
            raise ValueError(f"A layer has another shape in the two-branch model. Received: {layer.name}.")
        own.set_weights(placed)


def as_two_branch(segmenter: keras.Model, card: Mapping[str, Any]) -> keras.Model:
    """A two-branch model that predicts as a segmenter does, with and without a landmark prompt."""
    task = load_task(SEGMENTER_TASK)
    settings = settings_from_card(task, card)
    pair = task.network(settings.with_options(graph=TWO_BRANCH))
    for half in (SEGMENTER_BRANCH, PROMPTED_BRANCH):
        set_branch_weights(pair, half, segmenter)
    return pair


def fitted(given: NDArray[Any], own: NDArray[Any], prompted: bool = False) -> NDArray[Any] | None:
    """The given weights in the shape of the own ones, with zeros for new channels; None where they do not fit.

    The given channels are the first ones; if ``prompted``, the last of them is the last.
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
