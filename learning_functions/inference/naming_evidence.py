"""What a naming network tells of keypoints, as evidence for the exact decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_functions.task import Settings
from learning_functions.task_options.naming_options import NamingOptions
from utility_functions.anatomy.labels import LEVELS, anatomical_order
from utility_functions.anatomy.naming.decoder import Naming, decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.filling import all_levels
from utility_functions.anatomy.naming.nodes import CHANNELS, UNITS, nodes_of
from utility_functions.anatomy.naming.pedicle_places import read_places
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.naming.undetected_bodies import beyond_the_ends
from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.geometry.landmarks import Landmarks

if TYPE_CHECKING:
    import keras

LEAST_PROBABILITY = 1e-7
Array = NDArray[np.float64]


def level_probabilities(
    network: keras.Model, settings: Settings[NamingOptions], scans: Sequence[Keypoints]
) -> list[Array]:
    """Per scan the share of each row of ROWS (N, levels + 1) in what its bodies, as given, may be; the mean of the
    network's members. More bodies than the patch has room for need a network that takes any number (`flexible`).
    """
    places = read_places(settings.options.places)
    told = [nodes_of(scan.bodies_mm, scan.probabilities, (scan.left_mm, scan.right_mm), places) for scan in scans]
    room = max([settings.spec.patch[2], *(len(nodes) for nodes, _ in told)])
    inputs = np.zeros((len(told), 1, room, CHANNELS), np.float32)
    for row, (nodes, _) in zip(inputs, told, strict=True):
        row[0, : len(nodes)] = nodes / UNITS
    answers = np.asarray(network(inputs, training=False), np.float64).mean(axis=3)[:, 0] if len(told) else []
    found = []
    for answer, (nodes, order) in zip(answers, told, strict=True):
        given = np.empty((len(nodes), answer.shape[1]))
        given[order] = answer[: len(nodes)]
        found.append(given)
    return found


def evidence_of(
    told: Array, statistics: Statistics, evidence_weight: float = 1.0, prior_probabilities: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Log-likelihoods of the levels (N, levels), and of being false rather than any (N,), from level_probabilities (N, levels + 1).

    What is known beforehand is taken off, since the decoder adds it: of false detections what the statistics hold, of
    levels ``prior_probabilities`` (levels,), their level_probabilities among what the network learnt from (none: nothing is taken off).
    It is taken off relative to what the network tells, so that levels as a whole stay as likely against being false.
    evidence_weight: an exponent.
    """
    false = np.clip(told[:, -1], 1e-4, 1 - 1e-4)
    levels = told[:, :-1] / (1 - false)[:, None]
    evidence = np.log(np.maximum(levels, LEAST_PROBABILITY))
    if prior_probabilities is not None:
        before = np.log(np.asarray(prior_probabilities, float))
        evidence += (levels @ before)[:, None] - before
    beforehand = np.log(statistics.false_rate) - np.log1p(-statistics.false_rate)
    return evidence_weight * evidence, np.log(false) - np.log1p(-false) - beforehand


def evidence(network: keras.Model, settings: Settings[NamingOptions], detections: Keypoints) -> tuple[Array, Array]:
    """What the network tells of N detected bodies, in the order given: log-likelihoods (N, levels) of LEVELS, and the
    log-odds (N,) that each is no vertebra of its own; both as `Detections` takes them.

    settings: a naming model's, with what its card has learnt.
    """
    return evidence_from(level_probabilities(network, settings, [detections])[0], settings)


def evidence_from(told: Array, settings: Settings[NamingOptions]) -> tuple[Array, Array]:
    """The same from the level_probabilities that the network told (N, levels + 1)."""
    options = settings.options
    return evidence_of(told, statistics_of(settings), options.evidence_weight, options.prior_probabilities)


def decoded(
    network: keras.Model, settings: Settings[NamingOptions], detections: Keypoints, alternatives: int = 0
) -> Naming:
    """The names of detected bodies by the exact decoder, by what the network tells of them; `completed`."""
    naming = named(
        level_probabilities(network, settings, [detections])[0], detections.bodies_mm, settings, alternatives
    )
    return completed(naming, detections, settings)


def completed(naming: Naming, detections: Keypoints, settings: Settings[NamingOptions]) -> Naming:
    """The naming with levels filled in at its ends, where both pedicles of a body that was not detected were."""
    at = [i for i, name in enumerate(naming.names) if name]
    at.sort(key=lambda i: anatomical_order(naming.names[i]))
    found = Landmarks(tuple(naming.names[i] for i in at), detections.bodies_mm[at])
    pedicles = detections.left_mm, detections.right_mm
    more = beyond_the_ends(found, detections.probabilities[at], *pedicles, read_places(settings.options.places))
    return replace(naming, interpolated=all_levels(naming.interpolated, more)) if len(more) else naming


def named(told: Array, points_mm: Array, settings: Settings[NamingOptions], alternatives: int = 0) -> Naming:
    """The names of bodies (N, 3) in RAS+ mm by the exact decoder, from the level_probabilities (N, levels + 1) that a network told.

    Their doubt, and the shifts with it, is that which the card has learnt to tell (``error_weights``), where it has: the
    decoder's own knows nothing of a network that hesitates over the whole spine.
    """
    levels, false = evidence_from(told, settings)
    given = Detections(points_mm, levels.reshape(-1, len(LEVELS)), false)
    naming = decode(given, statistics_of(settings), alternatives)
    weights = settings.options.error_weights
    if weights is None or not len(naming.found):
        return naming
    odds = weights[0] + error_features(naming, told) @ np.asarray(weights[1:], float)
    error_probability = float(1 / (1 + np.exp(-np.clip(odds, -50, 50))))
    up, down = (
        share * error_probability / max(naming.error_probability, 1e-12) for share in naming.shifted
    )  # a shift is part of the doubt
    return replace(
        naming, error_probability=error_probability, shifted=(min(up, error_probability), min(down, error_probability))
    )


def error_features(naming: Naming, told: Array) -> Array:
    """What tells whether a name may be wrong (2,): the log-odds of the decoder's doubt, and the logarithm of the mean
    entropy of the network's level_probabilities (N, levels + 1)."""
    error_probability = float(np.clip(naming.error_probability, 1e-6, 1 - 1e-6))
    entropy = -(told * np.log(np.maximum(told, LEAST_PROBABILITY))).sum(axis=1).mean()
    return np.array([np.log(error_probability) - np.log1p(-error_probability), np.log(entropy + 0.01)])


def statistics_of(settings: Settings[NamingOptions]) -> Statistics:
    """The statistics that a naming model's card holds; the literature's where it holds none."""
    text = settings.options.statistics
    return Statistics() if text is None else _read(text)


@lru_cache(maxsize=8)
def _read(text: str) -> Statistics:
    return Statistics.from_json(text)
