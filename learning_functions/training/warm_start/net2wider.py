"""Net2Wider: weights of a trained network for the same graph with more filters, so that its outputs are the same.

Chen et al. 2016, "Net2Net: Accelerating learning via knowledge transfer": every further filter repeats one of the
trained network. The next layer weights the copies by fractions that add up to one.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

SEED = 0
"""The fractions are random, so that the copies diverge in training."""

Weights = list[NDArray[Any]]


def widened_weights(given: keras.Model, network: keras.Model) -> dict[str, Weights]:
    """By layer, the weights with which ``network`` has the outputs of ``given``.

    Both are functional networks with the same layers; only the channels of the layers differ. No layer may have fewer
    channels than in ``given``; inputs and outputs have the same number in both.
    Raises: ValueError where that does not hold.
    """
    theirs = {layer.name: layer for layer in given.layers}
    if [layer.name for layer in network.layers] != list(theirs):
        raise ValueError("the layers are others")
    rng = np.random.default_rng(SEED)
    copied: dict[
        int, NDArray[Any]
    ] = {}  # by tensor of the network: which channel of the given one each channel repeats
    weights = {}
    for layer in network.layers:
        its = theirs[layer.name]
        if isinstance(layer, keras.layers.InputLayer):
            copied[id(layer.output)] = np.arange(_channels(its.output))
        else:
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            reads = _joined([copied[id(each)] for each in inputs], its)
            copied[id(layer.output)], weights[layer.name] = _layer(layer, its, reads, rng)
        if copied[id(layer.output)].size != _channels(layer.output):
            raise ValueError(f"{layer.name} gives other channels")
    if any(_channels(own) != _channels(old) for own, old in zip(network.outputs, given.outputs, strict=True)):
        raise ValueError("the answers have other channels")
    return {name: values for name, values in weights.items() if values}


def _layer(
    layer: keras.Layer, its: keras.Layer, reads: NDArray[Any], rng: np.random.Generator
) -> tuple[NDArray[Any], Weights]:
    """The channels that the layer's output repeats, and the layer's weights."""
    if type(layer) is not type(its):
        raise ValueError(f"{layer.name} is of another kind")
    given = its.get_weights()
    own_shapes = [each.shape for each in layer.get_weights()]
    if np.array_equal(reads, np.arange(reads.size)) and own_shapes == [each.shape for each in given]:
        return np.arange(_channels(its.output)), given  # it has the inputs of the given layer
    if not given:
        return reads, []
    if isinstance(layer, keras.layers.BatchNormalization):
        return reads, [each[reads] for each in given]
    if not isinstance(layer, keras.layers.Dense | keras.layers.Conv1D | keras.layers.Conv2D | keras.layers.Conv3D):
        raise ValueError(f"{layer.name} cannot be widened")
    kernel, *bias = given  # (*size, channels, filters)
    own = own_shapes[0]
    before, after = kernel.shape[-1], own[-1]
    if after < before or kernel.shape[:-2] != own[:-2]:
        raise ValueError(f"{layer.name} has fewer filters, or other ones")
    gives = np.arange(after) % before
    wide = kernel[..., reads, :][..., gives] * _fractions(reads, own, rng)
    return gives, [wide.astype(kernel.dtype), *(each[gives] for each in bias)]


def _fractions(reads: NDArray[Any], shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """The fraction of each channel of a kernel in the one it repeats; those of all copies add up to one."""
    fractions = rng.uniform(0.05, 0.95, shape)
    for source in np.unique(reads):
        copies = np.flatnonzero(reads == source)
        fractions[..., copies, :] /= fractions[..., copies, :].sum(axis=-2, keepdims=True)
    return fractions


def _joined(parts: list[NDArray[Any]], its: keras.Layer) -> NDArray[Any]:
    """The channels that the inputs repeat, combined as the given layer combines its own."""
    if not isinstance(its, keras.layers.Concatenate):
        if any(not np.array_equal(part, parts[0]) for part in parts):
            raise ValueError(f"{its.name} joins unlike channels")
        return parts[0]
    inputs = its.input if isinstance(its.input, list) else [its.input]
    starts = np.cumsum([0, *(_channels(each) for each in inputs)])
    return np.concatenate([part + start for part, start in zip(parts, starts, strict=False)])


def _channels(tensor: Any) -> int:
    if isinstance(tensor, list | tuple):
        raise ValueError("a layer gives several answers")
    return int(tensor.shape[-1])
