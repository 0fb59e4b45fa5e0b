"""A network on a whole volume: in tiles as large as memory allows, or in the published small windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from learning_functions.inference.pass_memory import LEAST_GB, bytes_per_voxel, pass_bytes, strides_of
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice
from utility_functions.geometry.boxes import moved, overlap

Reduce = Callable[[NDArray[Any]], NDArray[np.generic]]
Pass = Callable[[NDArray[np.float32]], NDArray[Any]]
"""A network's output for a batch of inputs (batch, *patch, channels)."""


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


def full_pass(network: keras.Model) -> Pass:
    """The outputs of a flexible network, float32, traced once for inputs of any size."""
    trace_once(network)
    passed: Pass = network.predict_on_batch
    return passed


def half_pass(network: keras.Model) -> Pass:
    """The one output of a flexible network in float16, traced once for inputs of any size.

    TensorFlow rounds as numpy does, in a fraction of the time.
    """
    if not isinstance(network, keras.Model):
        return lambda batch: np.asarray(network.predict_on_batch(batch)).astype(np.float16)
    kept: Pass | None = getattr(network, "half_pass", None)
    if kept is None:
        [only] = network.inputs
        shape = (None,) * (len(only.shape) - 1)
        signature = [tf.TensorSpec((*shape, only.shape[-1]), tf.float32)]

        @tf.function(input_signature=signature, autograph=False)
        def traced(batch: Any) -> Any:
            return tf.cast(network(batch, training=False), tf.float16)

        def kept(batch: NDArray[np.float32]) -> NDArray[np.float16]:
            return np.asarray(traced(tf.constant(batch)))

        network.half_pass = kept
    return kept


def stride_of(network: keras.Model) -> int:
    """The factor by which the network's poolings shrink its input along the axis that they shrink most."""
    return max(strides_of(network))


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
    half: bool = False,
) -> NDArray[np.generic]:
    """``reduce`` of the network's output for every voxel of ``image`` (x, y, z, channels); ``fill`` pads the image.

    memory_gb: main memory to use, at most. device: where the network runs; on a GPU its own memory bounds the tiles.
    half: whether ``reduce`` is given the output in float16.
    """
    shape = image.shape[:-1]
    most = max(pass_bytes(device, memory_gb) - _beside(network, image, device), 1e9 * LEAST_GB) / bytes_per_voxel(
        network
    )
    size, core, firsts = tile_plan(shape, margin, strides_of(network), most)
    network = flexible(network)
    answers = half_pass(network) if half else full_pass(network)
    edge = [margin[axis] if core[axis] < shape[axis] else 0 for axis in range(len(shape))]
    found: NDArray[np.generic] | None = None
    for done, first in enumerate(firsts):
        tile = _window(image, [f - e for f, e in zip(first, edge, strict=True)], size, fill)
        output = reduce(answers(tile[None])[0])
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


def _beside(network: keras.Model, image: NDArray[np.float32], device: InferenceDevice) -> float:
    """The main memory of the image and of what is found in it, in bytes; none of it is a GPU's."""
    if device.memory_gb is not None:
        return 0.0
    return image.nbytes + 2.0 * image.size / image.shape[-1] * network.outputs[0].shape[-1]


def _window(image: NDArray[np.float32], first: Sequence[int], size: Sequence[int], fill: float) -> NDArray[np.float32]:
    """A box of ``image``; ``fill`` where it reaches beyond the image."""
    box = np.full((*size, image.shape[-1]), fill, np.float32)
    source, target = overlap(first, size, image.shape[:-1])
    box[target] = image[source]
    return box
