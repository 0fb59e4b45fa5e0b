"""Samples as tf.data batches, cast, normalised and augmented in the pipeline."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from learning_functions.samples.augment.augmentation import Augmentation
from learning_functions.samples.sample_parts import SAMPLED
from learning_functions.samples.store.sample_order import EpochReader
from learning_functions.samples.store.sample_store import SampleStore
from learning_functions.task import Arrange


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
    arrange: Arrange | None = None,
) -> tf.data.Dataset:
    """The batches (x, y) or (x, y, w) of one epoch: x float32 normalised, w float32, y as stored or ``target_dtype``.

    Order and augmentation depend on the seed and the epoch alone, so that a resumed run has the same batches. ``batch``
    is that of all devices together; see EpochReader for stores that it does not divide. Tissues are read where the
    augmentation samples appearances. Memory is the last channel of x, or its last ones.
    ``arrange`` makes the targets of the network's outputs from y, w and the numbers of the samples; without it the
    numbers are left out.
    """
    synthetic = augment is not None and augment.appearance is not None
    reader = EpochReader(
        store, batch, epoch=epoch, seed=seed, shuffle=shuffle, drop_remainder=drop_remainder, tissues=synthetic
    )
    kinds = reader.parts
    (low, high), bounds = store.spec.window, store.spec.bounds

    def read(step: tf.Tensor) -> dict[str, tf.Tensor]:
        arrays = tf.numpy_function(
            lambda number: tuple(reader.read(number).values()), [step], [dtype for dtype, _ in kinds.values()]
        )
        return {
            name: tf.ensure_shape(array, (reader.size, *shape))
            for array, (name, (_, shape)) in zip(arrays, kinds.items(), strict=True)
        }

    def prepare(parts: dict[str, tf.Tensor]) -> tuple[Any, ...]:
        normalisation = tf.cast(parts["normalisation"], tf.float32)
        offset, scale = (
            tf.reshape(part, [-1] + [1] * len(store.input_shape)) for part in tf.unstack(normalisation, axis=1)
        )
        x = tf.cast(parts["inputs"], tf.float32)
        x = ((tf.clip_by_value(x, low, high) if bounds is None else x) - offset) * scale
        if bounds is not None:
            x = tf.clip_by_value(x, *bounds)
        given: dict[str, Any] = {
            part.name: parts[part.name] if part.batch_dtype is None else tf.cast(parts[part.name], part.batch_dtype)
            for part in SAMPLED
            if part.name in parts and part.name != "inputs"
        }
        if augment is not None:
            place = parts["place"]
            padding = (parts.get("air", low) - normalisation[:, 0]) * normalisation[:, 1]
            given |= {
                "seed": tf.stack([tf.fill(tf.shape(place), tf.constant(seed, tf.int64)), place], axis=1),
                "air": padding if bounds is None else tf.clip_by_value(padding, *bounds),
                "normalisation": normalisation,
            }
            found = _augmented(augment, {"x": x, **given}, store.memory_channels)
            x, given = found.pop("x"), found
        elif "memory" in given:
            memory = tf.reshape(given["memory"], [-1, *store.input_shape[:-1], store.memory_channels])
            x = tf.concat([x, tf.cast(memory, tf.float32)], axis=-1)
        y, w = given["targets"], given.get("weights")
        if target_dtype is not None:
            y = tf.cast(y, target_dtype)
        if arrange is not None:
            y, w = arrange(y, w, given.get("numbers"))
        return (x, y) if w is None else (x, y, w)

    # One reader reads in order; batches are prepared in parallel and stay in order.
    return (
        tf.data.Dataset.range(reader.steps)
        .map(read)
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(2)
    )


def _augmented(augment: Augmentation, given: dict[str, tf.Tensor], memory_channels: int) -> dict[str, tf.Tensor]:
    """x (with memory as its last channels) and the other parts that augmentation changes, sample by sample."""
    kept = ["x", *(part.name for part in SAMPLED if part.augmented and part.name in given)]
    signature = {name: tf.TensorSpec(given[name].shape[1:], given[name].dtype) for name in kept}
    *shape, channels = given["x"].shape[1:]
    signature["x"] = tf.TensorSpec((*shape, channels + memory_channels), tf.float32)

    def one(sample: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        changed = augment(
            sample["x"],
            sample["targets"],
            sample.get("weights"),
            sample["seed"],
            sample["air"],
            sample.get("tissues"),
            sample["normalisation"],
            memory=sample.get("memory"),
            numbers=sample.get("numbers"),
        )
        return dict(zip(kept, [part for part in changed if part is not None], strict=True))

    return dict(tf.map_fn(one, given, fn_output_signature=signature))
