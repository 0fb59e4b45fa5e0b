"""Random but anatomically true changes of the nodes of one spine, as detectors and fields of view make them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import tensorflow as tf

from utility_functions.anatomy.naming.nodes import CHANNELS, LEFT, PLACE, PRESENT, REGIONS, RIGHT

MIRRORED = np.ones(CHANNELS, np.float32)
MIRRORED[[PLACE.start, LEFT.start + 1, RIGHT.start + 1]] = -1
SWAPPED = np.r_[0 : LEFT.start, RIGHT.start : RIGHT.stop, LEFT.start : LEFT.stop]


@dataclass(frozen=True)
class NodeChanges:
    """Changes a sample in the way its seed says: the same seed, the same change, on every machine.

    mirror, cut, lose, double, stray, untell, variant, blind: the probabilities of a spine mirrored, cut to a shorter
    field of view, of each node lost, of one doubled, of a stray beside it, of each node's regions untold, of a level
    removed or doubled, and of all pedicles lost.
    least: nodes that a cut leaves at least.
    tilt_degrees, turn_degrees: rotation from side to side, and about the other two axes, at most.
    size: relative change of size, at most.
    jitter_mm: standard deviation of bodies and of pedicles, at most; some are moved four times as far.
    doubt: standard deviation of what is added to log-odds of the regions, for the whole spine and for each node.
    false: the target of what is no vertebra; variants: places of the levels that may be removed (T12, L5), each with
    that of the one above it and the variant (T13, L6) that may be added.
    """

    false: int
    removed: tuple[int, int]
    added: tuple[int, int]
    mirror: float = 0.5
    cut: float = 0.6
    lose: float = 0.03
    double: float = 0.15
    stray: float = 0.1
    untell: float = 0.03
    variant: float = 0.03
    blind: float = 0.08
    least: int = 3
    tilt_degrees: float = 15.0
    turn_degrees: float = 8.0
    size: float = 0.12
    jitter_mm: float = 2.5
    doubt: float = 0.5
    appearance: None = None

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
        """The changed nodes x (1, nodes, CHANNELS) as the network sees them and targets y (1, nodes), from the top down.

        seed: two whole numbers; w and numbers are handed on, all else is not looked at.
        """
        nodes, target = tf.convert_to_tensor(x)[0], tf.cast(tf.convert_to_tensor(y)[0], tf.int32)
        count = nodes.shape[0]
        seeds = tf.unstack(tf.random.split(seed, 12))
        chance = tf.random.stateless_uniform([8], seeds[0])
        there = nodes[:, PRESENT] > 0.5
        place, pedicles = nodes[:, PLACE], tf.reshape(nodes[:, LEFT.start :], [count, 2, 4])
        order = tf.cast(tf.range(count), tf.float32)
        place, target = self._variant(place, target, there, seeds[1])
        there = self._seen(there, chance[0], seeds[2])

        told = nodes[:, REGIONS]
        known = tf.reduce_sum(told, axis=1, keepdims=True) > 0
        odds = tf.math.log(told + 1e-4) - tf.math.log(1.0001 - told)
        odds += self.doubt * tf.random.stateless_normal([1, 3], seeds[3]) * tf.random.stateless_uniform([], seeds[4])
        odds += self.doubt * tf.random.stateless_normal([count, 3], seeds[5])
        known &= tf.random.stateless_uniform([count, 1], seeds[6]) >= self.untell
        told = tf.where(known, tf.clip_by_value(tf.sigmoid(odds), 0.001, 1.0), 0.0)

        shake = tf.random.stateless_uniform([2], seeds[7]) * self.jitter_mm / 1000
        far = 1 + 3 * tf.cast(tf.random.stateless_uniform([count, 1], seeds[8]) < 0.03, tf.float32)
        moved = shake[0] * far * tf.random.stateless_normal([count, 3], seeds[9])
        place += moved
        own = pedicles[..., 1:] - moved[:, None] + shake[1] * tf.random.stateless_normal([count, 2, 3], seeds[10])
        lost = tf.random.stateless_uniform([count, 2], seeds[11]) < self.lose * 2
        found = tf.where(lost | (chance[1] < self.blind), 0.0, pedicles[..., 0])

        more = tf.unstack(tf.random.split(seeds[11], 6))
        extra = self._false_ones(place, there, chance[2:4], more[:3])
        place, told, order, there, target, new = self._with(place, told, order, there, target, extra)
        found = tf.where(new[:, None], 0.0, found)

        matrix = self._turned(more[3])
        place, own = tf.linalg.matmul(place, matrix), tf.reshape(tf.reshape(own, [-1, 3]) @ matrix, [count, 2, 3])
        changed = tf.concat(
            [
                tf.ones([count, 1]),
                place,
                told,
                *(tf.concat([found[:, side, None], own[:, side] * found[:, side, None]], axis=1) for side in (0, 1)),
            ],
            axis=1,
        )
        if self.mirror > 0:
            other = tf.gather(changed * MIRRORED, SWAPPED, axis=1)
            changed = tf.where(chance[4] < self.mirror, other, changed)
        sorting = tf.argsort(tf.where(there, order, np.inf), stable=True)
        kept = tf.gather(there, sorting)
        changed = tf.where(kept[:, None], tf.gather(changed, sorting), 0.0)
        target = tf.where(kept, tf.gather(target, sorting), 0)
        parts = [changed[None], tf.cast(target, tf.convert_to_tensor(y).dtype)[None], w]
        return tuple(parts if numbers is None else [*parts, numbers])

    def _seen(self, there: tf.Tensor, chance: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Which nodes a shorter field of view shows, less those that are lost; never none of those there were."""
        seeds = tf.unstack(tf.random.split(seed, 2))
        count = tf.reduce_sum(tf.cast(there, tf.int32))
        drawn = tf.random.stateless_uniform([2], seeds[0])
        room = tf.cast(tf.maximum(count - self.least, 0), tf.float32)
        gone = tf.cast(tf.floor(drawn[0] * (room + 1)), tf.int32) * tf.cast(chance < self.cut, tf.int32)
        first = tf.cast(tf.floor(drawn[1] * (tf.cast(gone, tf.float32) + 1)), tf.int32)
        place = tf.range(tf.shape(there)[0])
        shown = there & (place >= first) & (place < first + count - gone)
        kept = shown & (tf.random.stateless_uniform(tf.shape(there), seeds[1]) >= self.lose)
        return tf.where(tf.reduce_any(kept), kept, shown)

    def _variant(
        self, place: tf.Tensor, target: tf.Tensor, there: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """A spine that lacks T12 or L5, or has T13 or L6: the same bodies, those beyond the border named one off.

        A level more is made by calling L1 T13 (S1 would be L6) and all below one less, one less the other way round.
        """
        return place, target

    def _false_ones(
        self, place: tf.Tensor, there: tf.Tensor, chance: tf.Tensor, seeds: list[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """A double and a stray: of which node, where, with which regions (0: those of that node), and whether."""
        count = tf.reduce_sum(tf.cast(there, tf.float32))
        chosen = tf.cast(tf.random.stateless_uniform([2], seeds[0], maxval=0.999) * count, tf.int32)
        which = tf.gather(tf.concat([tf.where(there)[:, 0], [0]], axis=0), chosen)
        away = tf.random.stateless_normal([2, 3], seeds[1]) * [[0.006], [0.035]]
        told = tf.random.stateless_uniform([1, 3], seeds[2]) ** 3 * 0.95 + 0.005
        return which, tf.gather(place, which) + away, told, chance < [self.double, self.stray]

    def _with(
        self,
        place: tf.Tensor,
        told: tf.Tensor,
        order: tf.Tensor,
        there: tf.Tensor,
        target: tf.Tensor,
        extra: tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor],
    ) -> tuple[tf.Tensor, ...]:
        """The nodes with false ones in the last places, where these are free."""
        which, where, regions, wanted = extra
        count = place.shape[0]
        slots = tf.constant([[count - 1], [count - 2]])
        free = wanted & ~tf.gather_nd(there, slots)
        new = tf.scatter_nd(slots, free, [count])
        put = lambda into, values: tf.where(  # noqa: E731
            tf.reshape(new, [-1] + [1] * (into.shape.rank - 1)), tf.scatter_nd(slots, values, into.shape), into
        )
        as_told = tf.stack([tf.gather(told, which[0]), regions[0]])
        above = tf.sign(where[:, 2] - tf.gather(place[:, 2], which))  # what lies higher comes first
        at = tf.cast(which, tf.float32) - 0.5 * above
        return (
            put(place, where),
            put(told, as_told),
            put(order, at),
            there | new,
            put(target, tf.fill([2], self.false)),
            new,
        )

    def _turned(self, seed: tf.Tensor) -> tf.Tensor:
        drawn = tf.random.stateless_uniform([4], seed, -1, 1)
        angles = drawn[:3] * np.deg2rad([self.tilt_degrees, self.turn_degrees, self.turn_degrees]).astype(np.float32)
        c, s = tf.unstack(tf.cos(angles)), tf.unstack(tf.sin(angles))
        about_x = tf.stack([[1.0, 0.0, 0.0], [0.0, c[0], -s[0]], [0.0, s[0], c[0]]])
        about_y = tf.stack([[c[1], 0.0, s[1]], [0.0, 1.0, 0.0], [-s[1], 0.0, c[1]]])
        about_z = tf.stack([[c[2], -s[2], 0.0], [s[2], c[2], 0.0], [0.0, 0.0, 1.0]])
        return about_x @ about_y @ about_z * (1 + self.size * drawn[3])
