"""The network that answers as a trained one does, up to rounding, in less time and memory.

Batch normalisation at inference is a factor and an offset of each filter, so the convolution before it takes both. A
convolution over features that were repeated (nearest neighbour upsampling) is a transposed convolution over them as
they were, so that neither the repeated features nor their concatenation with others is ever in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

CONVOLUTIONS = (layers.Conv2D, layers.Conv3D)
TRANSPOSED = (layers.Conv2DTranspose, layers.Conv3DTranspose)
UPSAMPLINGS = (layers.UpSampling2D, layers.UpSampling3D)


def folded(network: keras.Model) -> keras.Model:
    """A network of the same inputs and outputs, with fewer layers; itself where there is nothing to fold.

    network: functional, in float32. Its outputs differ by rounding alone.
    """
    plan = _Plan.of(network)
    if not plan.normalised and not plan.joined:
        return network
    halves: dict[str, list[Any]] = {}

    def cloned(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if layer.name in plan.normalised:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def called(layer: keras.Layer, *inputs: Any, **keywords: Any) -> Any:
        keywords.pop("mask", None)
        if layer.name in plan.dropped:
            return inputs[0]
        if layer.name in plan.joins:
            halves[layer.name] = inputs[0]
            return inputs[0][0]
        if layer.name in plan.joined:
            join = plan.joined[layer.name]
            kept, repeated = (halves[join.name][place] for place in (join.kept, 1 - join.kept))
            return layers.Add(name=f"{layer.name}_sum")([layer(kept), join.transposed(layer)(repeated)])
        return layer(*inputs, **keywords)

    twin = keras.models.clone_model(network, clone_function=cloned, call_function=called)
    for layer in network.layers:
        if layer.weights and layer.name not in plan.dropped:
            _take_weights(twin, layer, plan)
    return twin


@dataclass(frozen=True, eq=False)
class _Join:
    """A concatenation of two features, one of them repeated. kept: the place of the other one."""

    name: str
    kept: int
    kept_channels: int
    factors: tuple[int, ...]

    def transposed(self, convolution: keras.Layer) -> keras.Layer:
        """The transposed convolution, without a bias, of the features before they were repeated."""
        size = [k + factor - 1 for k, factor in zip(convolution.kernel_size, self.factors, strict=True)]
        kind = TRANSPOSED[len(size) - 2]
        return kind(
            convolution.filters,
            size,
            strides=self.factors,
            padding="same",
            use_bias=False,
            name=f"{convolution.name}_repeated",
        )

    def split(self, kernel: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The kernel (*size, in, out) over the kept features, and that of ``transposed`` (*size, out, in)."""
        before = kernel[..., : self.kept_channels, :] if self.kept == 0 else kernel[..., -self.kept_channels :, :]
        over = kernel[..., self.kept_channels :, :] if self.kept == 0 else kernel[..., : -self.kept_channels, :]
        size = over.shape[:-2]
        wide = np.zeros((*(k + factor - 1 for k, factor in zip(size, self.factors, strict=True)), *over.shape[-2:]))
        for step in np.ndindex(*self.factors):
            wide[tuple(slice(first, first + k) for first, k in zip(step, size, strict=True))] += over
        return before, np.swapaxes(np.flip(wide, tuple(range(len(size)))), -1, -2)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is folded. normalised: the normalisation after a convolution, by its name. joined: the concatenation before
    a convolution, by its name. dropped: layers that are left out. joins: the names of these concatenations.
    """

    normalised: dict[str, layers.BatchNormalization] = field(default_factory=dict)
    joined: dict[str, _Join] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)

    @property
    def joins(self) -> set[str]:
        return {join.name for join in self.joined.values()}

    @classmethod
    def of(cls, network: keras.Model) -> _Plan:
        plan = cls()
        try:
            sources = {layer.name: _sources(layer) for layer in network.layers}
        except (AttributeError, ValueError):  # a layer is called more than once, or is a network itself
            return plan
        makers = {id(layer.output): layer for layer in network.layers if not isinstance(layer.output, dict | list)}
        outputs = {id(output) for output in network.outputs}
        users: dict[str, list[keras.Layer]] = {}
        before: dict[str, list[keras.Layer]] = {}
        for layer in network.layers:
            before[layer.name] = [makers[id(tensor)] for tensor in sources[layer.name] if id(tensor) in makers]
            for source in before[layer.name]:
                users.setdefault(source.name, []).append(layer)

        def only_user(layer: keras.Layer) -> Any:
            used = users.get(layer.name, [])
            return used[0] if len(used) == 1 and id(layer.output) not in outputs else None

        for layer in network.layers:
            if not isinstance(layer, CONVOLUTIONS):
                continue
            norm = only_user(layer)
            if isinstance(norm, layers.BatchNormalization) and _folds(layer, norm):
                plan.normalised[layer.name] = norm
                plan.dropped.add(norm.name)
            join = next(iter(before[layer.name]), None)
            if isinstance(join, layers.Concatenate) and only_user(join) is layer and _same_size(layer):
                parts = before[join.name]
                repeated = [isinstance(part, UPSAMPLINGS) and only_user(part) is join for part in parts]
                if len(parts) == 2 and sum(repeated) == 1 and _repeats(parts[repeated.index(True)]):
                    kept, over = repeated.index(False), parts[repeated.index(True)]
                    factors = tuple(int(factor) for factor in over.size)
                    plan.joined[layer.name] = _Join(join.name, kept, int(parts[kept].output.shape[-1]), factors)
                    plan.dropped.add(over.name)
        return plan


def _sources(layer: keras.Layer) -> Sequence[Any]:
    return layer.input if isinstance(layer.input, list | tuple) else [layer.input]


def _folds(convolution: keras.Layer, norm: layers.BatchNormalization) -> bool:
    last = len(convolution.output.shape) - 1
    return convolution.activation is keras.activations.linear and norm.axis in (-1, last)


def _same_size(convolution: keras.Layer) -> bool:
    """Whether a convolution keeps the size of its features, and may be split."""
    steps = {*convolution.strides, *convolution.dilation_rate, convolution.groups}
    odd = all(size % 2 for size in convolution.kernel_size)
    linear = convolution.activation is keras.activations.linear
    return convolution.padding == "same" and steps == {1} and odd and linear


def _repeats(upsampling: keras.Layer) -> bool:
    """Whether it repeats features once or twice along each axis; a transposed convolution then begins where it does."""
    return set(upsampling.size) <= {1, 2} and getattr(upsampling, "interpolation", "nearest") == "nearest"


def _take_weights(twin: keras.Model, layer: keras.Layer, plan: _Plan) -> None:
    """Give the weights of a trained layer to those that stand for it."""
    weights = layer.get_weights()
    if layer.name not in plan.normalised and layer.name not in plan.joined:
        twin.get_layer(layer.name).set_weights(weights)
        return
    kernel = weights[0].astype(np.float64)
    bias = weights[1].astype(np.float64) if len(weights) > 1 else np.zeros(kernel.shape[-1])
    if (norm := plan.normalised.get(layer.name)) is not None:
        mean, variance = (np.asarray(value, np.float64) for value in (norm.moving_mean, norm.moving_variance))
        factor = (np.asarray(norm.gamma, np.float64) if norm.scale else 1.0) / np.sqrt(variance + norm.epsilon)
        kernel, bias = kernel * factor, (bias - mean) * factor
        bias = bias + np.asarray(norm.beta, np.float64) if norm.center else bias
    if (join := plan.joined.get(layer.name)) is not None:
        kernel, transposed = join.split(kernel)
        twin.get_layer(f"{layer.name}_repeated").set_weights([transposed.astype(np.float32)])
    kept = twin.get_layer(layer.name)
    kept.set_weights([each.astype(np.float32) for each in ([kernel, bias] if kept.use_bias else [kernel])])
