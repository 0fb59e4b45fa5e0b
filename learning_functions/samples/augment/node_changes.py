"""Augmentation of the nodes of one spine: errors of detectors, fields of view and anatomical variants."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import tensorflow as tf

from learning_functions.samples.cut.variant_nodes import Nodes, with_level, without_level
from utility_functions.anatomy.naming.nodes import CHANNELS, LEFT, PLACE, PRESENT, REGIONS, RIGHT

MIRRORED = np.ones(CHANNELS, np.float32)
MIRRORED[[PLACE.start, LEFT.start + 1, RIGHT.start + 1]] = -1
SWAPPED = np.r_[0 : LEFT.start, RIGHT.start : RIGHT.stop, LEFT.start : LEFT.stop]
PROBABILITIES = ("mirror", "cut", "lose", "double", "stray", "untell", "variant", "blind", "leap")


@dataclass(frozen=True)
class NodeChanges:
    """Changes a sample by its seed: the same seed gives the same change on every machine.

    false: the target of false positives.
    removed: targets of levels that a patient may lack; a variant removes one of them.
    added: pairs of a level and of the additional level below it; a variant adds one of them.
    variant, mirror, cut, double, stray, blind: the probabilities of such a variant, of a mirrored spine, of a shorter
    field of view, of a body detected twice, of a false positive beside the spine, and of no pedicles at all.
    lose, untell, leap: the probabilities, for each node, that it is missed, that its regions are unknown, and that it
    moves four times as far.
    least: the smallest number of nodes in a shorter field of view.
    tilt_degrees, turn_degrees: the largest rotation in the sagittal plane, and about the other two axes.
    size: the largest relative change of size.
    jitter_mm: the largest standard deviation of the displacement of bodies and pedicles.
    error_probability: standard deviation of the noise on the log-odds of the regions, for the whole spine and for each
    node.
    """

    false: int
    removed: tuple[int, ...] = ()
    added: tuple[tuple[int, int], ...] = ()
    variant: float = 0.02
    mirror: float = 0.5
    cut: float = 0.2
    double: float = 0.06
    stray: float = 0.05
    blind: float = 0.03
    lose: float = 0.01
    untell: float = 0.03
    leap: float = 0.03
    least: int = 3
    tilt_degrees: float = 3.0
    turn_degrees: float = 3.0
    size: float = 0.06
    jitter_mm: float = 0.7
    error_probability: float = 0.1
    appearance: None = None

    def __post_init__(self) -> None:
        for name in PROBABILITIES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"The probability of {name} is from 0 to 1. Received: {getattr(self, name)}.")
        for name in (
            item.name for item in fields(self) if item.name.endswith(("_mm", "_degrees", "size", "error_probability"))
        ):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} cannot be below 0. Received: {getattr(self, name)}.")

    def __call__(
        self,
        x: Any,
        y: Any,
        w: Any | None,
        seed: Any,
        fill: Any = 0.0,
        tissues: Any | None = None,
        normalisation: Any = None,
        *,
        memory: Any | None = None,
        numbers: Any | None = None,
    ) -> tuple[Any, ...]:
        """The changed x, y, w and, where there are numbers, these.

        x: nodes (1, n, CHANNELS) from the top down, absent ones last, in probabilities and metres; y: targets (1, n), 0
        where there is no node.  seed: two whole numbers.  w and numbers are returned unchanged; the rest is ignored.
        """
        x, y = tf.convert_to_tensor(x, tf.float32), tf.convert_to_tensor(y)
        seeds = tf.unstack(tf.random.split(seed, 5))
        chance = tf.random.stateless_uniform([6], seeds[0])
        nodes = _taken_apart(x[0], tf.cast(y[0], tf.int32))
        nodes = self._varied(nodes, chance[0] < self.variant, seeds[1])
        nodes = self._seen(nodes, chance[1] < self.cut, chance[2] < self.blind, seeds[2])
        nodes = self._told_anew(nodes, seeds[3])
        nodes = self._with_false_ones(nodes, seeds[4])
        nodes = self._moved(nodes, seeds[4])
        changed, target = _put_together(nodes)
        if self.mirror > 0:
            changed = tf.where(chance[3] < self.mirror, tf.gather(changed * MIRRORED, SWAPPED, axis=1), changed)
        parts = (changed[None], tf.cast(target, y.dtype)[None], w)
        return parts if numbers is None else (*parts, numbers)

    def _varied(self, nodes: Nodes, wanted: tf.Tensor, seed: tf.Tensor) -> Nodes:
        """The spine with one level less or one more, where ``wanted``."""
        if self.variant == 0 or not (self.removed or self.added):
            return nodes
        drawn = tf.random.stateless_uniform([2], seed)
        levels = tf.constant([*((level, 0) for level in self.removed), *self.added], tf.int32)
        which = tf.cast(drawn[0] * len(levels), tf.int32)
        upper, extra = tf.unstack(levels[which])
        slot = nodes["place"].shape[0] - 3
        return tf.cond(
            wanted,
            lambda: tf.cond(
                extra > 0, lambda: with_level(nodes, upper, extra, slot), lambda: without_level(nodes, upper)
            ),
            lambda: nodes,
        )

    def _seen(self, nodes: Nodes, cut: tf.Tensor, blind: tf.Tensor, seed: tf.Tensor) -> Nodes:
        """The nodes in a shorter field of view, without missed ones; at least one node stays."""
        seeds = tf.unstack(tf.random.split(seed, 3))
        there, order = nodes["there"], nodes["order"]
        count = tf.reduce_sum(tf.cast(there, tf.float32))
        drawn = tf.random.stateless_uniform([2], seeds[0])
        gone = tf.floor(drawn[0] * (tf.maximum(count - self.least, 0.0) + 1)) * tf.cast(cut, tf.float32)
        first = tf.floor(drawn[1] * (gone + 1))
        before = tf.reduce_sum(tf.cast(there & (order < order[:, None]), tf.float32), axis=1)
        shown = there & (before >= first) & (before < first + count - gone)
        shown = tf.where(tf.reduce_any(shown), shown, there)
        kept = shown & (tf.random.stateless_uniform(tf.shape(there), seeds[1]) >= self.lose)
        lost = tf.random.stateless_uniform(tf.shape(nodes["found"]), seeds[2]) < 2 * self.lose
        return {
            **nodes,
            "there": tf.where(tf.reduce_any(kept), kept, shown),
            "found": tf.where(lost | blind, 0.0, nodes["found"]),
        }

    def _told_anew(self, nodes: Nodes, seed: tf.Tensor) -> Nodes:
        """The probabilities of the regions with noise on their log-odds; some become unknown."""
        seeds = tf.unstack(tf.random.split(seed, 4))
        told = nodes["told"]
        count = told.shape[0]
        odds = tf.math.log(told + 1e-4) - tf.math.log(1.0001 - told)
        odds += (
            self.error_probability
            * tf.random.stateless_normal([1, 3], seeds[0])
            * tf.random.stateless_uniform([], seeds[1])
        )
        odds += self.error_probability * tf.random.stateless_normal([count, 3], seeds[2])
        known = tf.reduce_sum(told, axis=1, keepdims=True) > 0
        known &= tf.random.stateless_uniform([count, 1], seeds[3]) >= self.untell
        return {**nodes, "told": tf.where(known, tf.clip_by_value(tf.sigmoid(odds), 1e-4, 1.0), 0.0)}

    def _with_false_ones(self, nodes: Nodes, seed: tf.Tensor) -> Nodes:
        """A body detected twice and a false positive, in the last two places, where these are free."""
        seeds = tf.unstack(tf.random.split(seed, 4))
        there, place = nodes["there"], nodes["place"]
        count = place.shape[0]
        present = tf.where(there)[:, 0]
        drawn = tf.random.stateless_uniform([2], seeds[0], maxval=0.999) * tf.cast(tf.size(present), tf.float32)
        which = tf.gather(tf.concat([present, [0]], axis=0), tf.cast(drawn, tf.int32))
        away = tf.random.stateless_normal([2, 3], seeds[1]) * [[0.006], [0.035]]
        looks = tf.random.stateless_uniform([3], seeds[2]) ** 3 * 0.95 + 0.005
        slots = tf.constant([[count - 1], [count - 2]])
        wanted = tf.random.stateless_uniform([2], seeds[3]) < [self.double, self.stray]
        wanted &= ~tf.gather_nd(there, slots) & (tf.size(present) > 0)
        new = tf.scatter_nd(slots, wanted, [count])

        def put(name: str, values: Any) -> Any:
            into = nodes[name]
            spread = tf.reshape(new, [-1] + [1] * (into.shape.rank - 1))
            return tf.where(spread, tf.scatter_nd(slots, tf.cast(values, into.dtype), into.shape), into)

        return {
            "place": put("place", tf.gather(place, which) + away),
            "told": put("told", tf.stack([tf.gather(nodes["told"], which[0]), looks])),
            "found": put("found", tf.zeros([2, 2])),
            "own": nodes["own"],
            "order": put(
                "order", tf.gather(nodes["order"], which) - 0.25 * tf.sign(away[:, 2])
            ),  # the higher one first
            "there": there | new,
            "target": put("target", tf.fill([2], self.false)),
        }

    def _moved(self, nodes: Nodes, seed: tf.Tensor) -> Nodes:
        """The spine rotated and scaled, with each body and pedicle displaced a little."""
        seeds = tf.unstack(tf.random.split(tf.random.fold_in(seed, 1), 5))
        count = nodes["place"].shape[0]
        most = tf.random.stateless_uniform([2], seeds[0]) * self.jitter_mm / 1000
        far = 1 + 3 * tf.cast(tf.random.stateless_uniform([count, 1], seeds[1]) < self.leap, tf.float32)
        moves = most[0] * far * tf.random.stateless_normal([count, 3], seeds[2])
        own = nodes["own"] - moves[:, None] + most[1] * tf.random.stateless_normal([count, 2, 3], seeds[3])
        drawn = tf.random.stateless_uniform([4], seeds[4], -1, 1)
        limits = np.deg2rad([self.tilt_degrees, self.turn_degrees, self.turn_degrees]).astype(np.float32)
        matrix = _rotation(drawn[:3] * limits) * (1 + self.size * drawn[3])
        return {**nodes, "place": (nodes["place"] + moves) @ matrix, "own": own @ matrix}


def _taken_apart(x: tf.Tensor, target: tf.Tensor) -> Nodes:
    count = x.shape[0]
    pedicles = tf.reshape(x[:, LEFT.start :], [count, 2, 4])
    return {
        "place": x[:, PLACE],
        "told": x[:, REGIONS],
        "found": pedicles[..., 0],
        "own": pedicles[..., 1:],
        "order": tf.range(count, dtype=tf.float32),
        "there": x[:, PRESENT] > 0.5,
        "target": target,
    }


def _put_together(nodes: Nodes) -> tuple[tf.Tensor, tf.Tensor]:
    """Nodes and targets in order, absent ones last and 0."""
    found = nodes["found"][..., None]
    count = found.shape[0]
    pedicles = tf.reshape(tf.concat([found, nodes["own"] * found], axis=2), [count, 8])
    changed = tf.concat([tf.ones([count, 1]), nodes["place"], nodes["told"], pedicles], axis=1)
    order = tf.argsort(tf.where(nodes["there"], nodes["order"], np.inf), stable=True)
    kept = tf.gather(nodes["there"], order)
    return (
        tf.where(kept[:, None], tf.gather(changed, order), 0.0),
        tf.where(kept, tf.gather(nodes["target"], order), 0),
    )


def _rotation(angles: tf.Tensor) -> tf.Tensor:
    """(3, 3) about the first, the second and the third axis, one after another."""
    c, s = tf.unstack(tf.cos(angles)), tf.unstack(tf.sin(angles))
    first = tf.stack([[1.0, 0.0, 0.0], [0.0, c[0], -s[0]], [0.0, s[0], c[0]]])
    second = tf.stack([[c[1], 0.0, s[1]], [0.0, 1.0, 0.0], [-s[1], 0.0, c[1]]])
    third = tf.stack([[c[2], -s[2], 0.0], [s[2], c[2], 0.0], [0.0, 0.0, 1.0]])
    return first @ second @ third
