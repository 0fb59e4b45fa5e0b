"""Samples as tf.data batches, cast, normalised and augmented in the pipeline."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from learning_functions.samples.augment.augmentation import Augmentation
from learning_functions.samples.sample_parts import SAMPLED
from learning_functions.samples.store.sample_order import EpochReader
from learning_functions.samples.store.sample_store import SampleStore
from learning_functions.spec import Spec
from learning_functions.task import Arrange

MOST_READERS = 4
"""Each holds a batch or two in memory."""


def epoch_batches(
    store: SampleStore,
    batch: int,
    *,
    epoch: int,
    seed: int,
    shuffle: bool,
    epochs: int = 1,
    augment: Augmentation | None = None,
    target_dtype: str | None = None,
    drop_remainder: bool = False,
    arrange: Arrange | None = None,
    readers: int | None = None,
    device: str | None = None,
) -> tf.data.Dataset:
    """The batches (x, y) or (x, y, w) of ``epochs`` epochs from ``epoch`` on, one after another in one pipeline.

    x: float32, normalised; w: float32; y as stored, or ``target_dtype``. Order and augmentation of an epoch depend on
    the seed and its number alone, so that a resumed run has the same batches. ``batch`` is that of all devices
    together; see EpochReader for stores that it does not divide. Tissues are read where the
    augmentation samples appearances. Memory is the last channel of x, or its last ones.
    ``arrange`` makes the targets of the network's outputs from y, w and the numbers of the samples; without it the
    numbers are left out. ``readers``: how many read at the same time, None for one per core, at most MOST_READERS; the
    batches are the same for any number. ``device``: the one that augments whole batches, None for the GPU that computes
    in this scope; where there is none, the processor augments one sample after another.
    """
    synthetic = augment is not None and augment.appearance is not None
    device = device or computing_gpu()
    readers = readers or min(MOST_READERS, os.cpu_count() or 1)
    handles = [
        EpochReader(
            store,
            batch,
            epoch=epoch,
            epochs=epochs,
            seed=seed,
            shuffle=shuffle,
            drop_remainder=drop_remainder,
            tissues=synthetic,
        )
        for _ in range(readers)
    ]
    reader = handles[0]
    steps = reader.steps * reader.epochs
    kinds, spec = reader.parts, store.spec

    def read(step: tf.Tensor) -> dict[str, tf.Tensor]:
        arrays = tf.numpy_function(
            lambda number: tuple(handles[number % readers].read(number).values()),
            [step],
            [dtype for dtype, _ in kinds.values()],
        )
        return {
            name: tf.ensure_shape(array, (reader.size, *shape))
            for array, (name, (_, shape)) in zip(arrays, kinds.items(), strict=True)
        }

    def prepare(parts: dict[str, tf.Tensor]) -> tuple[Any, ...]:
        normalisation = tf.cast(parts["normalisation"], tf.float32)
        given: dict[str, Any] = {
            part.name: parts[part.name] if part.batch_dtype is None else tf.cast(parts[part.name], part.batch_dtype)
            for part in SAMPLED
            if part.name in parts
        }
        if augment is not None:
            place = parts["place"]
            padding = (parts.get("air", spec.window[0]) - normalisation[:, 0]) * normalisation[:, 1]
            given |= {
                "seed": tf.stack([tf.fill(tf.shape(place), tf.constant(seed, tf.int64)), place], axis=1),
                "air": padding if spec.bounds is None else tf.clip_by_value(padding, *spec.bounds),
                "normalisation": normalisation,
            }
            if device is not None and isinstance(augment, Augmentation):
                given = _augmented_on(device, augment, given, spec)
            else:
                given = _augmented(augment, given, spec, store.memory_channels)
            x = given["inputs"]
        else:
            x = normalised(given["inputs"], normalisation, spec.window, spec.bounds)
            if "memory" in given:
                memory = tf.reshape(given["memory"], [-1, *store.input_shape[:-1], store.memory_channels])
                x = tf.concat([x, tf.cast(memory, tf.float32)], axis=-1)
        y, w = given["targets"], given.get("weights")
        if target_dtype is not None:
            y = tf.cast(y, target_dtype)
        if arrange is not None:
            y, w = arrange(y, w, given.get("numbers"))
        return (x, y) if w is None else (x, y, w)

    # Nothing here is Python that AutoGraph has to turn into operations; without it, training starts seconds sooner.
    with_operations = tf.autograph.experimental.do_not_convert

    def in_turn(number: tf.Tensor) -> tf.data.Dataset:
        """Every batch of one of the readers."""
        return tf.data.Dataset.range(number, steps, readers).map(with_operations(read))

    # Each reader has a handle of its own; their batches come in turn, and are prepared in parallel and stay in order.
    return (
        tf.data.Dataset.range(readers)
        .interleave(with_operations(in_turn), cycle_length=readers, num_parallel_calls=readers, deterministic=True)
        .apply(tf.data.experimental.assert_cardinality(steps))
        .map(with_operations(prepare), num_parallel_calls=os.cpu_count() or 1, deterministic=True)
        .prefetch(2)
    )


def normalised(
    raw: tf.Tensor, normalisation: tf.Tensor, window: tuple[float, float], bounds: tuple[float, float] | None
) -> tf.Tensor:
    """The intensities (b, ...) as Spec.normalise() gives them; normalisation (b, 2): offset and scale."""
    ones = [1] * (raw.shape.rank - 1)
    offset, scale = (tf.reshape(part, [-1, *ones]) for part in tf.unstack(normalisation, axis=1))
    x = tf.cast(raw, tf.float32)
    x = ((tf.clip_by_value(x, *window) if bounds is None else x) - offset) * scale
    return x if bounds is None else tf.clip_by_value(x, *bounds)


def computing_gpu() -> str | None:
    """The GPU that computes in this scope, None where it is the processor."""
    here: str = tf.zeros([]).device
    return here if "GPU" in here else None


def _augmented_on(device: str, augment: Augmentation, given: dict[str, tf.Tensor], spec: Spec) -> dict[str, Any]:
    """What _augmented() gives, of the whole batch at once on a device."""
    kept = ["inputs", *(part.name for part in SAMPLED if part.augmented and part.name in given)]
    with tf.device(device):
        changed = augment.of_batch(
            normalised(given["inputs"], given["normalisation"], spec.window, spec.bounds),
            given["targets"],
            given.get("weights"),
            given["seed"],
            given["air"],
            given.get("tissues"),
            given["normalisation"],
            memory=given.get("memory"),
            numbers=given.get("numbers"),
            fused=True,
        )
    return dict(zip(kept, [part for part in changed if part is not None], strict=True))


def _augmented(augment: Augmentation, given: dict[str, tf.Tensor], spec: Spec, memory_channels: int) -> dict[str, Any]:
    """The inputs (normalised, with memory as the last channels) and the other parts that augmentation changes.

    One sample after another: each skips the changes that it does not have.
    """
    kept = ["inputs", *(part.name for part in SAMPLED if part.augmented and part.name in given)]
    signature = {name: tf.TensorSpec(given[name].shape[1:], given[name].dtype) for name in kept}
    *shape, channels = given["inputs"].shape[1:]
    signature["inputs"] = tf.TensorSpec((*shape, channels + memory_channels), tf.float32)

    def one(sample: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        changed = augment(
            normalised(sample["inputs"][None], sample["normalisation"][None], spec.window, spec.bounds)[0],
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
