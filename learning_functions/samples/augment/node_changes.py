"""Augmentation of the nodes of one spine: errors of detectors, fields of view and anatomical variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from learning_functions.samples.augment.ranges import require_not_negative, require_probabilities
from learning_functions.samples.cut.variant_nodes import Nodes, with_level, without_level
from utility_functions.anatomy.naming.nodes import CHANNELS, LEFT, PLACE, PRESENT, REGIONS, RIGHT

MIRRORED = np.ones(CHANNELS, np.float32)
MIRRORED[[PLACE.start, LEFT.start + 1, RIGHT.start + 1]] = -1
SWAPPED = np.r_[0 : LEFT.start, RIGHT.start : RIGHT.stop, LEFT.start : LEFT.stop]
PROBABILITIES = (
    *("variant", "mirror", "truncation", "duplicate", "false_positive", "no_pedicles"),
    *("missed", "unknown_regions", "outlier"),
)
AMOUNTS = ("tilt_degrees", "turn_degrees", "size", "jitter_mm", "log_odds_sd")


@dataclass(frozen=True)
class NodeChanges:
    """Changes a sample by its seed: the same seed gives the same change on every machine.

    false_target: the target of false positives.
    removed: targets of levels that a patient may lack; a variant removes one of them.
    added: pairs of a level and of the additional level below it; a variant adds one of them.
    variant, mirror, truncation, duplicate, false_positive, no_pedicles: the probabilities of such a variant, of a
    mirrored spine, of a shorter field of view, of a body detected twice, of a false positive beside the spine, and of
    no pedicles at all.
    missed, unknown_regions, outlier: the probabilities, for each node, that it is not detected, that its regions are
    unknown, and that its displacement is four times as large.
    fewest: the smallest number of nodes in a shorter field of view.
    tilt_degrees, turn_degrees: the largest rotation in the sagittal plane, and about the other two axes.
    size: the largest relative change of size.
    jitter_mm: the largest standard deviation of the displacement of bodies and pedicles.
    log_odds_sd: the standard deviation of the noise on the log-odds of the regions, for the whole spine and for each
    node.
    """

    false_target: int
    removed: tuple[int, ...] = ()
    added: tuple[tuple[int, int], ...] = ()
    variant: float = 0.02
    mirror: float = 0.5
    truncation: float = 0.2
    duplicate: float = 0.06
    false_positive: float = 0.05
    no_pedicles: float = 0.03
    missed: float = 0.01
    unknown_regions: float = 0.03
    outlier: float = 0.03
    fewest: int = 3
    tilt_degrees: float = 3.0
    turn_degrees: float = 3.0
    size: float = 0.06
    jitter_mm: float = 0.7
    log_odds_sd: float = 0.1
    appearance: None = None

    def __post_init__(self) -> None:
        require_probabilities(self, PROBABILITIES)
        require_not_negative(self, AMOUNTS)

    def __call__(
        self, x: Any, y: Any, w: Any | None, seed: Any, *_: Any, numbers: Any | None = None, **__: Any
    ) -> tuple[Any, ...]:
        """The changed x, y, w and, where there are numbers, these.

        x: nodes (1, n, CHANNELS) from the top down, absent ones last, in probabilities and metres; y: targets (1, n), 0
        where there is no node. seed: two whole numbers. w and numbers are returned unchanged. The further parts,
        which an ``Augmentation`` takes, are ignored.
        """
        x, y = tf.convert_to_tensor(x, tf.float32), tf.convert_to_tensor(y)
        seeds = tf.unstack(tf.random.split(seed, 5))
        chance = tf.random.stateless_uniform([6], seeds[0])
        nodes = _separated(x[0], tf.cast(y[0], tf.int32))
        nodes = self._with_variant(nodes, chance[0] < self.variant, seeds[1])
        nodes = self._truncated(nodes, chance[1] < self.truncation, chance[2] < self.no_pedicles, seeds[2])
        nodes = self._with_region_noise(nodes, seeds[3])
        nodes = self._with_false_positives(nodes, seeds[4])
        nodes = self._moved(nodes, seeds[4])
        changed, target = _combined(nodes)
        if self.mirror > 0:
            changed = tf.where(chance[3] < self.mirror, tf.gather(changed * MIRRORED, SWAPPED, axis=1), changed)
        parts = (changed[None], tf.cast(target, y.dtype)[None], w)
        return parts if numbers is None else (*parts, numbers)

    def _with_variant(self, nodes: Nodes, chosen: tf.Tensor, seed: tf.Tensor) -> Nodes:
        """The spine with one level less or one more, where ``chosen``."""
        if self.variant == 0 or not (self.removed or self.added):
            return nodes
        drawn = tf.random.stateless_uniform([2], seed)
        levels = tf.constant([*((level, 0) for level in self.removed), *self.added], tf.int32)
        which = tf.cast(drawn[0] * levels.shape[0], tf.int32)
        upper, extra = tf.unstack(levels[which])
        slot = nodes["place"].shape[0] - 3
        return tf.cond(
            chosen,
            lambda: tf.cond(
                extra > 0, lambda: with_level(nodes, upper, extra, slot), lambda: without_level(nodes, upper)
            ),
            lambda: nodes,
        )

    def _truncated(self, nodes: Nodes, shorter: tf.Tensor, no_pedicles: tf.Tensor, seed: tf.Tensor) -> Nodes:
        """The nodes in a shorter field of view, without missed ones; at least one node stays."""
        seeds = tf.unstack(tf.random.split(seed, 3))
        present, order = nodes["present"], nodes["order"]
        count = tf.reduce_sum(tf.cast(present, tf.float32))
        drawn = tf.random.stateless_uniform([2], seeds[0])
        removed = tf.floor(drawn[0] * (tf.maximum(count - self.fewest, 0.0) + 1)) * tf.cast(shorter, tf.float32)
        first = tf.floor(drawn[1] * (removed + 1))
        before = tf.reduce_sum(tf.cast(present & (order < order[:, None]), tf.float32), axis=1)
        shown = present & (before >= first) & (before < first + count - removed)
        shown = tf.where(tf.reduce_any(shown), shown, present)
        detected = shown & (tf.random.stateless_uniform(tf.shape(present), seeds[1]) >= self.missed)
        missed = tf.random.stateless_uniform(tf.shape(nodes["pedicles_found"]), seeds[2]) < 2 * self.missed
        return {
            **nodes,
            "present": tf.where(tf.reduce_any(detected), detected, shown),
            "pedicles_found": tf.where(missed | no_pedicles, 0.0, nodes["pedicles_found"]),
        }

    def _with_region_noise(self, nodes: Nodes, seed: tf.Tensor) -> Nodes:
        """The probabilities of the regions with noise on their log-odds; some become unknown."""
        seeds = tf.unstack(tf.random.split(seed, 4))
        regions = nodes["regions"]
        count = regions.shape[0]
        odds = tf.math.log(regions + 1e-4) - tf.math.log(1.0001 - regions)
        odds += (
            self.log_odds_sd * tf.random.stateless_normal([1, 3], seeds[0]) * tf.random.stateless_uniform([], seeds[1])
        )
        odds += self.log_odds_sd * tf.random.stateless_normal([count, 3], seeds[2])
        known = tf.reduce_sum(regions, axis=1, keepdims=True) > 0
        known &= tf.random.stateless_uniform([count, 1], seeds[3]) >= self.unknown_regions
        return {**nodes, "regions": tf.where(known, tf.clip_by_value(tf.sigmoid(odds), 1e-4, 1.0), 0.0)}

    def _with_false_positives(self, nodes: Nodes, seed: tf.Tensor) -> Nodes:
        """A body detected twice and a false positive, in the last two places, where these are free."""
        seeds = tf.unstack(tf.random.split(seed, 4))
        present, place = nodes["present"], nodes["place"]
        count = place.shape[0]
        rows = tf.where(present)[:, 0]
        drawn = tf.random.stateless_uniform([2], seeds[0], maxval=0.999) * tf.cast(tf.size(rows), tf.float32)
        which = tf.gather(tf.concat([rows, [0]], axis=0), tf.cast(drawn, tf.int32))
        offset = tf.random.stateless_normal([2, 3], seeds[1]) * [[0.006], [0.035]]
        regions = tf.random.stateless_uniform([3], seeds[2]) ** 3 * 0.95 + 0.005
        slots = tf.constant([[count - 1], [count - 2]])
        chosen = tf.random.stateless_uniform([2], seeds[3]) < [self.duplicate, self.false_positive]
        chosen &= ~tf.gather_nd(present, slots) & (tf.size(rows) > 0)
        new = tf.scatter_nd(slots, chosen, [count])

        def put(name: str, values: Any) -> Any:
            into = nodes[name]
            spread = tf.reshape(new, [-1] + [1] * (into.shape.rank - 1))
            return tf.where(spread, tf.scatter_nd(slots, tf.cast(values, into.dtype), into.shape), into)

        return {
            "place": put("place", tf.gather(place, which) + offset),
            "regions": put("regions", tf.stack([tf.gather(nodes["regions"], which[0]), regions])),
            "pedicles_found": put("pedicles_found", tf.zeros([2, 2])),
            "pedicles": nodes["pedicles"],
            "order": put(
                "order", tf.gather(nodes["order"], which) - 0.25 * tf.sign(offset[:, 2])
            ),  # the higher one first
            "present": present | new,
            "target": put("target", tf.fill([2], self.false_target)),
        }

    def _moved(self, nodes: Nodes, seed: tf.Tensor) -> Nodes:
        """The spine rotated and scaled, with each body and pedicle displaced a little."""
        seeds = tf.unstack(tf.random.split(tf.random.fold_in(seed, 1), 5))
        count = nodes["place"].shape[0]
        largest = tf.random.stateless_uniform([2], seeds[0]) * self.jitter_mm / 1000
        factor = 1 + 3 * tf.cast(tf.random.stateless_uniform([count, 1], seeds[1]) < self.outlier, tf.float32)
        moves = largest[0] * factor * tf.random.stateless_normal([count, 3], seeds[2])
        pedicles = nodes["pedicles"] - moves[:, None] + largest[1] * tf.random.stateless_normal([count, 2, 3], seeds[3])
        drawn = tf.random.stateless_uniform([4], seeds[4], -1, 1)
        limits = np.deg2rad([self.tilt_degrees, self.turn_degrees, self.turn_degrees]).astype(np.float32)
        matrix = _rotation(drawn[:3] * limits) * (1 + self.size * drawn[3])
        return {**nodes, "place": (nodes["place"] + moves) @ matrix, "pedicles": pedicles @ matrix}


def _separated(x: tf.Tensor, target: tf.Tensor) -> Nodes:
    count = x.shape[0]
    pedicles = tf.reshape(x[:, LEFT.start :], [count, 2, 4])
    return {
        "place": x[:, PLACE],
        "regions": x[:, REGIONS],
        "pedicles_found": pedicles[..., 0],
        "pedicles": pedicles[..., 1:],
        "order": tf.range(count, dtype=tf.float32),
        "present": x[:, PRESENT] > 0.5,
        "target": target,
    }


def _combined(nodes: Nodes) -> tuple[tf.Tensor, tf.Tensor]:
    """Nodes and targets in order, absent ones last and 0."""
    found = nodes["pedicles_found"][..., None]
    count = found.shape[0]
    pedicles = tf.reshape(tf.concat([found, nodes["pedicles"] * found], axis=2), [count, 8])
    changed = tf.concat([tf.ones([count, 1]), nodes["place"], nodes["regions"], pedicles], axis=1)
    order = tf.argsort(tf.where(nodes["present"], nodes["order"], np.inf), stable=True)
    present = tf.gather(nodes["present"], order)
    return (
        tf.where(present[:, None], tf.gather(changed, order), 0.0),
        tf.where(present, tf.gather(nodes["target"], order), 0),
    )


def _rotation(angles: tf.Tensor) -> tf.Tensor:
    """(3, 3) about the first, the second and the third axis, one after another."""
    c, s = tf.unstack(tf.cos(angles)), tf.unstack(tf.sin(angles))
    first = tf.stack([[1.0, 0.0, 0.0], [0.0, c[0], -s[0]], [0.0, s[0], c[0]]])
    second = tf.stack([[c[1], 0.0, s[1]], [0.0, 1.0, 0.0], [-s[1], 0.0, c[1]]])
    third = tf.stack([[c[2], -s[2], 0.0], [s[2], c[2], 0.0], [0.0, 0.0, 1.0]])
    return first @ second @ third
