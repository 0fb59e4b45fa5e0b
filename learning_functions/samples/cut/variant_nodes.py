"""Nodes of spines with a missing or an additional level, made from those of usual spines."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Nodes = dict[str, Any]
"""The nodes of one spine from the top down, by feature.

place (n, 3). regions (n, 3): their probabilities. pedicles_found (n, 2), pedicles (n, 2, 3): whether the left and the
right one were detected, and their offsets from the body. order, present, target (n,).
"""


def without_level(nodes: Nodes, level: Any) -> Nodes:
    """The spine without the node whose target is ``level``; all nodes above it move down by one step.

    The spine is unchanged where there is no such node, or none below it that shows that one is missing.
    """
    place, present = nodes["place"], nodes["present"]
    at = _index(present & (nodes["target"] == level))
    below = at + 1
    can = (at >= 0) & tf.gather(tf.pad(present, [[0, 2]]), below)
    step = tf.gather(place, tf.minimum(below, tf.shape(place)[0] - 1)) - tf.gather(place, tf.maximum(at, 0))
    rank = tf.range(tf.shape(place)[0])
    return {
        **nodes,
        "place": tf.where((can & (rank < at))[:, None], place + step, place),
        "present": present & ~(can & (rank == at)),
    }


def with_level(nodes: Nodes, above: Any, level: Any, slot: int) -> Nodes:
    """The spine with one more node, ``level``, below that whose target is ``above``, in the free place ``slot``.

    That node and all above it move up by a step. The new node takes its position and its other features.
    The spine is unchanged where there is no such node, or no free place.
    """
    place, present = nodes["place"], nodes["present"]
    at = _index(present & (nodes["target"] == above))
    held = tf.maximum(at, 0)
    count = tf.shape(place)[0]
    last = tf.reduce_sum(tf.cast(present, tf.int32)) - 1
    step = tf.where(
        at < last,
        tf.gather(place, held) - tf.gather(place, tf.minimum(held + 1, count - 1)),
        tf.gather(place, tf.maximum(held - 1, 0)) - tf.gather(place, held),
    )
    can = (at >= 0) & (last > 0) & ~present[slot]
    rank = tf.range(count)
    new = can & (rank == slot)

    def put(name: str, value: Any) -> Any:
        into = nodes[name]
        return tf.where(tf.reshape(new, [-1] + [1] * (into.shape.rank - 1)), tf.cast(value, into.dtype), into)

    moved = tf.where((can & (rank <= at))[:, None], place + step, place)
    return {
        "place": tf.where(new[:, None], tf.gather(place, held), moved),
        "regions": put("regions", tf.gather(nodes["regions"], held)),
        "pedicles_found": put("pedicles_found", tf.gather(nodes["pedicles_found"], held)),
        "pedicles": put("pedicles", tf.gather(nodes["pedicles"], held)),
        "order": put("order", tf.gather(nodes["order"], held) + 0.5),
        "present": present | new,
        "target": put("target", level),
    }


def _index(chosen: Any) -> Any:
    """The place of the first chosen node, -1 where there is none."""
    first = tf.argmax(tf.cast(chosen, tf.int32), output_type=tf.int32)
    return tf.where(tf.reduce_any(chosen), first, -1)
