"""A network on a whole volume: in tiles as large as memory allows, or in the published small windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from learning_functions.inference.pass_memory import bytes_per_voxel, pass_bytes
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice
from utility_functions.geometry.boxes import moved, overlap

Reduce = Callable[[NDArray[np.float32]], NDArray[np.generic]]


def flexible(network: keras.Model) -> keras.Model:
    """The same network, weights included, for inputs of any spatial size; itself if it takes them already."""
    channels = network.inputs[0].shape[-1]
    dimensions = len(network.inputs[0].shape) - 2
    if not any(network.inputs[0].shape[1:-1]):
        return network
    twin = keras.models.clone_model(network, input_tensors=keras.Input((*(None,) * dimensions, channels)))
    twin.set_weights(network.get_weights())
    return twin


def trace_once(network: keras.Model) -> None:
    """Trace a flexible network for inputs of any size, so that no other size traces it again."""
    if not isinstance(network, keras.Model) or network.predict_function is not None:
        return
    if not isinstance(network.inputs, list) or len(network.inputs) > 1:
        return
    network.make_predict_function()
    [only] = network.inputs
    shape = (None,) * (len(only.shape) - 1)
    predict: Any = network.predict_function
    predict.get_concrete_function([(tf.TensorSpec((*shape, only.shape[-1]), only.dtype),)])


def stride_of(network: keras.Model) -> int:
    """The factor by which the network's poolings shrink its input along the axis that they shrink most."""
    return max(strides_of(network))


def strides_of(network: keras.Model) -> tuple[int, ...]:
    """The factor by which the network's poolings shrink each axis of its input; sizes must be multiples of it."""
    pools = [layer for layer in network.layers if "Pooling" in type(layer).__name__ and hasattr(layer, "pool_size")]
    steps = (
        np.prod([layer.pool_size for layer in pools], axis=0) if pools else np.ones(len(network.inputs[0].shape) - 2)
    )
    return tuple(int(step) for step in steps)


def tile_plan(
    shape: Sequence[int], margin: Sequence[int], stride: int | Sequence[int], most_voxels: float
) -> tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, ...]]]:
    """How to cover ``shape`` with the fewest equal tiles of at most ``most_voxels``.

    Returns (size of a tile, size of its core, first voxel of each core); the output is kept in the core. A tile reaches
    ``margin`` voxels beyond its core along each axis that is split. Sizes are multiples of ``stride``, one number or
    one for each axis.
    """
    size = np.asarray(shape)
    steps = np.broadcast_to(np.asarray(stride), size.shape)
    edge = np.asarray(margin)

    def tile(parts: NDArray[np.int_]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        core = -(-size // parts)
        whole = core + np.where(parts > 1, 2 * edge, 0)
        return -(-whole // steps) * steps, core

    parts = np.ones(len(size), int)
    while np.prod(tile(parts)[0], dtype=float) > most_voxels:
        options = []
        for axis in range(len(size)):
            if tile(parts)[1][axis] > steps[axis]:
                finer = parts.copy()
                finer[axis] += 1
                options.append((float(np.prod(tile(finer)[0], dtype=float)) * np.prod(finer), axis))
        if not options:
            break
        parts[min(options)[1]] += 1
    whole, core = tile(parts)
    firsts = [tuple(int(p * c) for p, c in zip(place, core, strict=True)) for place in product(*map(range, parts))]
    firsts = [first for first in firsts if (np.asarray(first) < size).all()]
    return tuple(int(n) for n in whole), tuple(int(n) for n in core), firsts


def run_tiles(
    network: keras.Model,
    image: NDArray[np.float32],
    margin: Sequence[int],
    memory_gb: float,
    reduce: Reduce,
    fill: float,
    progress: Callable[[int, int], None] | None = None,
    device: InferenceDevice = PROCESSOR,
) -> NDArray[np.generic]:
    """``reduce`` of the network's output for every voxel of ``image`` (x, y, z, channels); ``fill`` pads the image.

    memory_gb: main memory to use, at most. device: where the network runs; on a GPU its own memory bounds the tiles.
    """
    shape = image.shape[:-1]
    most = pass_bytes(device, memory_gb) / bytes_per_voxel(network)
    size, core, firsts = tile_plan(shape, margin, strides_of(network), most)
    network = flexible(network)
    trace_once(network)
    edge = [margin[axis] if core[axis] < shape[axis] else 0 for axis in range(len(shape))]
    found: NDArray[np.generic] | None = None
    for done, first in enumerate(firsts):
        tile = _window(image, [f - e for f, e in zip(first, edge, strict=True)], size, fill)
        output = reduce(network.predict_on_batch(tile[None])[0])
        kept, part = overlap(first, core, shape)
        inner = moved(part, edge)
        if found is None:
            found = np.empty((*shape, *output.shape[len(shape) :]), output.dtype)
        found[kept] = output[inner]
        if progress:
            progress(done + 1, len(firsts))
    if found is None:
        raise ValueError(f"There is no voxel to run on. Received: an image of shape {image.shape}.")
    return found


def run_published(
    network: keras.Model,
    image: NDArray[np.float32],
    patch: Sequence[int],
    reduce: Reduce,
    fill: float,
    at_once: int = 1,
) -> NDArray[np.generic]:
    """The published windows (McCouat & Glocker 2019): one patch per predict(), of which the central half is kept.

    at_once: patches per predict(); outputs do not depend on it, apart from rounding.
    """
    shape = image.shape[:-1]
    core = [size // 2 for size in patch]
    edge = [size // 4 for size in patch]
    firsts = list(product(*(range(0, n, c) for n, c in zip(shape, core, strict=True))))
    found: NDArray[np.generic] | None = None
    for start in range(0, len(firsts), at_once):
        group = firsts[start : start + at_once]
        windows = [_window(image, [f - e for f, e in zip(first, edge, strict=True)], patch, fill) for first in group]
        outputs = network.predict(np.stack(windows), batch_size=len(windows), verbose=0)
        for first, output in zip(group, map(reduce, outputs), strict=True):
            kept, part = overlap(first, core, shape)
            inner = moved(part, edge)
            if found is None:
                found = np.empty((*shape, *output.shape[len(shape) :]), output.dtype)
            found[kept] = output[inner]
    if found is None:
        raise ValueError(f"There is no voxel to run on. Received: an image of shape {image.shape}.")
    return found


def _window(image: NDArray[np.float32], first: Sequence[int], size: Sequence[int], fill: float) -> NDArray[np.float32]:
    """A box of ``image``; ``fill`` where it reaches beyond the image."""
    box = np.full((*size, image.shape[-1]), fill, np.float32)
    source, target = overlap(first, size, image.shape[:-1])
    box[target] = image[source]
    return box
