"""Warm start: a network takes the weights of a trained one, of its own task or of another."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import keras

from learning_functions.model_files.model_file import load_model
from learning_functions.stored_settings import settings_from_card
from learning_functions.task import load_task
from learning_functions.training.warm_start.initial_model import WarmStart
from learning_functions.training.warm_start.net2wider import widened_weights
from learning_functions.training.warm_start.two_branch import (
    PROMPTED_BRANCH,
    PROMPTED_TASK,
    as_two_branch,
    fitted,
    is_two_branch,
    name_in_branch,
)

log = logging.getLogger(__name__)


def take_weights(network: keras.Model, start: WarmStart, task_name: str) -> None:
    """Set the weights of the network, which is for the task ``task_name``, to those of a trained one.

    From the same task it takes all weights; where it has more filters, they are widened (Net2Wider) and its outputs
    stay the same. From another task, or with ``layers_that_fit``, it takes the layers with the same name and shape,
    after widening where the network has more filters. The first convolution gets zeros for channels that the trained
    network lacks, such as memory or a landmark prompt. From another task it gets zeros for all channels but the image,
    since the others mean something else. In a two-branch model both branches take the weights of a single one.
    Raises: ValueError where a model of the same task has other layers, or one of another task has none that fit.
    """
    given, card = load_model(start.path)
    if card["task"] == task_name and not start.layers_that_fit:
        _take_all(
            network, as_two_branch(given, card) if is_two_branch(network) and not is_two_branch(given) else given, start
        )
        return
    given = _as_wide(given, card, network)
    every = {layer.name: layer.get_weights() for layer in given.layers if layer.get_weights()}
    image = {name: list(weights) for name, weights in every.items()}
    first = next(iter(image.values()))
    if first[0].ndim > 2:  # a kernel: (*size, channels, filters)
        first[0] = first[0][..., : card["spec"]["channels"], :]
    theirs = {name: (weights, False) for name, weights in image.items()}
    if is_two_branch(network):
        with_prompt = card["task"] == PROMPTED_TASK
        its = (every if with_prompt else image).items()
        theirs |= {name_in_branch(name, PROMPTED_BRANCH): (weights, with_prompt) for name, weights in its}
    taken = 0
    for layer in network.layers:
        own, (weights, prompted) = layer.get_weights(), theirs.get(layer.name, ((), False))
        fitting = [fitted(a, b, prompted) for a, b in zip(weights, own, strict=False)]
        if own and len(weights) == len(own) and all(each is not None for each in fitting):
            layer.set_weights(fitting)
            taken += sum(each.size for each in own)
    if not taken:
        raise ValueError(
            f"The model to start from has no layer with the name and shape of one of the network: its task is "
            f"{card['task']}. Received: {start.path}."
        )
    log.info("%d of %d weights are taken from %s.", taken, network.count_params(), start.path)


def _as_wide(given: keras.Model, card: Mapping[str, Any], network: keras.Model) -> keras.Model:
    """The trained network of another task, widened to the filters of the new one if that has more."""
    own = {layer.name: layer for layer in network.layers}
    first = next((layer for layer in given.layers if layer.get_weights() and layer.name in own), None)
    if first is None:
        return given
    before, after = (int(layer.get_weights()[0].shape[-1]) for layer in (first, own[first.name]))
    if after <= before or after % before:
        return given
    task = load_task(card["task"])
    settings = settings_from_card(task, card)
    wide = task.network(settings.changed(filters=settings.filters * (after // before)))
    for name, values in widened_weights(given, wide).items():
        wide.get_layer(name).set_weights(values)
    return wide


def _take_all(network: keras.Model, given: keras.Model, start: WarmStart) -> None:
    weights = given.get_weights()
    theirs, own = [each.shape for each in weights], [each.shape for each in network.get_weights()]
    if theirs == own:
        network.set_weights(weights)
        return
    if len(own) == len(theirs) and theirs[1:] == own[1:]:
        first = fitted(weights[0], network.get_weights()[0])
        if first is not None:
            network.set_weights([first, *weights[1:]])
            return
    counts = [sum(math.prod(shape) for shape in shapes) for shapes in (theirs, own)]
    try:
        wider = widened_weights(given, network)
    except ValueError as error:
        raise ValueError(
            f"The model to start from has other layers than the network, as with other --filters: {counts[0]} weights, "
            f"not {counts[1]}; a wider network can start from it, but {error}. Received: {start.path}."
        ) from error
    for name, values in wider.items():
        network.get_layer(name).set_weights(values)
    log.info("The %d weights of %s are widened to %d.", counts[0], start.path, counts[1])
