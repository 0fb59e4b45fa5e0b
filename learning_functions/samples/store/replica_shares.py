"""Batches in whole shares: every replica gets as many samples, some of which only fill a share and do not count."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def in_whole_shares(batches: tf.data.Dataset, largest: int, replicas: int) -> tf.data.Dataset:
    """The batches ((x, counted), y) or ((x, counted), y, w), all of the same size, which the replicas divide.

    largest: the most samples of a batch. counted (size,): 1 for the samples of the batch, which come first; 0 for those
    that fill it up, repetitions of its last sample.
    """
    size = -(-largest // replicas) * replicas

    def filled(*batch: Any) -> tuple[Any, ...]:
        count = tf.shape(tf.nest.flatten(batch)[0])[0]
        rows = tf.minimum(tf.range(size), count - 1)
        x, *others = tf.nest.map_structure(lambda part: tf.gather(part, rows), batch)
        return ((x, tf.cast(tf.range(size) < count, tf.float32)), *others)

    return batches.map(filled, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)
