"""Samples as tf.data batches: read in one go, then cast, normalised and augmented in the pipeline."""

from __future__ import annotations

import tensorflow as tf

from learning_functions.samples.augmentation import Augmentation
from learning_functions.samples.order import EpochReader
from learning_functions.samples.store import SampleStore


def epoch_batches(
    store: SampleStore,
    batch: int,
    *,
    epoch: int,
    seed: int,
    shuffle: bool,
    augment: Augmentation | None = None,
    target_dtype: str | None = None,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """The batches (x, y) or (x, y, w) of one epoch: x float32 normalised, w float32, y as stored or ``target_dtype``.

    Order and augmentation depend on the seed and the epoch alone, so that a run gone on with sees what it would have
    seen. ``batch`` is that of all devices together; see EpochReader for where it does not divide
    the samples. Tissues are read where the augmentation draws appearances from them.
    """
    drawing = augment is not None and augment.appearance is not None
    reader = EpochReader(
        store, batch, epoch=epoch, seed=seed, shuffle=shuffle, drop_remainder=drop_remainder, tissues=drawing
    )
    stored = [(store.input_dtype, store.input_shape), (store.target_dtype, store.target_shape)]
    if store.weight_dtype is not None:
        stored.append((store.weight_dtype, store.weight_shape))
    if drawing:
        stored.append(("uint8", store.input_shape))
    kinds = [*stored, ("float64", (2,)), ("int64", ())]
    low, high = store.spec.window

    def read(step: tf.Tensor) -> list[tf.Tensor]:
        arrays = tf.numpy_function(reader.read, [step], [dtype for dtype, _ in kinds])
        return [tf.ensure_shape(array, (reader.size, *shape)) for array, (_, shape) in zip(arrays, kinds, strict=True)]

    def prepare(*arrays: tf.Tensor) -> tuple[tf.Tensor, ...]:
        x, y, *w, normalisation, numbers = arrays
        tissues = [w.pop()] if drawing else []
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
                (image, target, *weights), sample_seed, fill, of_scan, *map_of = sample
                seen = map_of[0] if drawing else None
                changed = augment(image, target, weights[0] if w else None, sample_seed, fill, seen, of_scan)
                return tuple(changed[: len(signature)])

            given = ((x, y, *w), seeds, air, normalisation, *tissues)
            x, y, *w = tf.map_fn(one, given, fn_output_signature=signature)
        return (x, y if target_dtype is None else tf.cast(y, target_dtype), *w)

    # One reader, in order; batches are prepared side by side, and none is out of turn.
    return (
        tf.data.Dataset.range(reader.steps)
        .map(read)
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(2)
    )
