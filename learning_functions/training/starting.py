"""A network that begins with the weights of a trained one, of its own task or of another."""

from __future__ import annotations

import logging
import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from learning_functions.running.model_file import load_model
from learning_functions.training.given_model import Start
from learning_functions.training.widening import widened_weights

log = logging.getLogger(__name__)


def take_weights(network: keras.Model, start: Start, task_name: str) -> None:
    """Give the network, which is for the task ``task_name``, the weights of a trained one.

    Of the same task, all of them, repeated where the network has more filters so that it answers alike; of another,
    those of layers with the same name and shape. A first convolution that sees more channels than the trained one did,
    such as memory or a mark, begins with zeros for them.
    Raises: ValueError where a model of the same task has other layers, or one of another task none that fit.
    """
    given, card = load_model(start.path)
    if card["task"] == task_name:
        _take_all(network, given, start)
        return
    theirs = {layer.name: layer.get_weights() for layer in given.layers if layer.get_weights()}
    taken = 0
    for layer in network.layers:
        own = layer.get_weights()
        fitting = [_widened(a, b) for a, b in zip(theirs.get(layer.name, ()), own, strict=False)]
        if own and len(theirs.get(layer.name, ())) == len(own) and all(each is not None for each in fitting):
            layer.set_weights(fitting)
            taken += sum(each.size for each in own)
    if not taken:
        raise ValueError(
            f"The model to start from has no layer of the name and shape of one of the network's: its task is "
            f"{card['task']}. Received: {start.path}."
        )
    log.info("%d of %d weights are those of %s.", taken, network.count_params(), start.path)


def _take_all(network: keras.Model, given: keras.Model, start: Start) -> None:
    weights = given.get_weights()
    theirs, own = [each.shape for each in weights], [each.shape for each in network.get_weights()]
    if theirs == own:
        network.set_weights(weights)
        return
    if len(own) == len(theirs) and theirs[1:] == own[1:]:
        first = _widened(weights[0], network.get_weights()[0])
        if first is not None:
            network.set_weights([first, *weights[1:]])
            return
    counts = [sum(math.prod(shape) for shape in shapes) for shapes in (theirs, own)]
    try:
        wider = widened_weights(given, network)
    except ValueError as error:
        raise ValueError(
            f"The model to start from has other layers than the network, as with other --filters: {counts[0]} weights, "
            f"not {counts[1]}; only more of each can be begun with, but {error}. Received: {start.path}."
        ) from error
    for name, values in wider.items():
        network.get_layer(name).set_weights(values)
    log.info("The %d weights of %s have been widened to %d.", counts[0], start.path, counts[1])


def _widened(given: NDArray[Any], own: NDArray[Any]) -> NDArray[Any] | None:
    """The given weights in the shape of the own ones, zeros for further input channels; None where they do not fit."""
    if given.shape == own.shape:
        return given
    channels = own.ndim - 2  # of a kernel: (*size, channels, filters)
    if given.ndim != own.ndim or own.ndim < 3 or given.shape[channels] > own.shape[channels]:
        return None
    more = np.zeros(own.ndim, int)
    more[channels] = own.shape[channels] - given.shape[channels]
    wider = np.pad(given, [(0, int(each)) for each in more])
    return wider if wider.shape == own.shape else None
