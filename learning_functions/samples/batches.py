"""Samples as tf.data batches: read in one go, then cast, normalised and augmented in the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from learning_functions.samples.order import EpochReader
from learning_functions.samples.store import SampleStore

Augment = Callable[..., tuple[Any, Any, Any]]


def epoch_batches(
    store: SampleStore,
    batch: int,
    *,
    epoch: int,
    seed: int,
    shuffle: bool,
    augment: Augment | None = None,
    target_dtype: str | None = None,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """The batches (x, y) or (x, y, w) of one epoch: x float32 normalised, w float32, y as stored or ``target_dtype``.

    Order and augmentation depend on the seed and the epoch alone, so that a run gone on with sees what it would have
    seen. ``batch`` is that of all devices together; see EpochReader for where it does not divide
    the samples. augment: see Augmentation.__call__.
    """
    reader = EpochReader(store, batch, epoch=epoch, seed=seed, shuffle=shuffle, drop_remainder=drop_remainder)
    stored = [(store.input_dtype, store.input_shape), (store.target_dtype, store.target_shape)]
    if store.weight_dtype is not None:
        stored.append((store.weight_dtype, store.weight_shape))
    kinds = [*stored, ("float64", (2,)), ("int64", ())]
    low, high = store.spec.window

    def read(step: tf.Tensor) -> list[tf.Tensor]:
        arrays = tf.numpy_function(reader.read, [step], [dtype for dtype, _ in kinds])
        return [tf.ensure_shape(array, (reader.size, *shape)) for array, (_, shape) in zip(arrays, kinds, strict=True)]

    def prepare(*arrays: tf.Tensor) -> tuple[tf.Tensor, ...]:
        x, y, *w, normalisation, numbers = arrays
        normalisation = tf.cast(normalisation, tf.float32)
        offset, scale = (
            tf.reshape(part, [-1] + [1] * len(store.input_shape)) for part in tf.unstack(normalisation, axis=1)
        )
        x = (tf.clip_by_value(tf.cast(x, tf.float32), low, high) - offset) * scale
        w = [tf.cast(part, tf.float32) for part in w]
        if augment is not None:
            seeds = tf.stack([tf.fill(tf.shape(numbers), tf.constant(seed, tf.int64)), numbers], axis=1)
            air = (low - normalisation[:, 0]) * normalisation[:, 1]
            signature = tuple(tf.TensorSpec(part.shape[1:], part.dtype) for part in (x, y, *w))

            def one(sample: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
                *parts, sample_seed, fill = sample
                changed = augment(parts[0], parts[1], parts[2] if w else None, sample_seed, fill)
                return tuple(changed[: len(parts)])

            x, y, *w = tf.map_fn(one, (x, y, *w, seeds, air), fn_output_signature=signature)
        return (x, y if target_dtype is None else tf.cast(y, target_dtype), *w)

    # One reader, in order; batches are prepared side by side, and none is out of turn.
    return (
        tf.data.Dataset.range(reader.steps)
        .map(read)
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(2)
    )
