"""Evidence for the exact decoder from a naming network that sees keypoints."""

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
from utility_functions.anatomy.naming.interpolation import all_levels
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
    """Per scan the probabilities (N, levels + 1) of the levels of its bodies, in the order given.

    The last column is the probability of a false positive. The result is the mean of the network's members. More
    bodies than the patch has room for need a network that takes any number (`flexible`).
    """
    places = read_places(settings.options.places)
    graphs = [nodes_of(scan.bodies_mm, scan.probabilities, (scan.left_mm, scan.right_mm), places) for scan in scans]
    room = max([settings.spec.patch[2], *(len(nodes) for nodes, _ in graphs)])
    inputs = np.zeros((len(graphs), 1, room, CHANNELS), np.float32)
    for row, (nodes, _) in zip(inputs, graphs, strict=True):
        row[0, : len(nodes)] = nodes / UNITS
    outputs = np.asarray(network(inputs, training=False), np.float64).mean(axis=3)[:, 0] if len(graphs) else []
    found = []
    for output, (nodes, order) in zip(outputs, graphs, strict=True):
        ordered = np.empty((len(nodes), output.shape[1]))
        ordered[order] = output[: len(nodes)]
        found.append(ordered)
    return found


def evidence_of(
    probabilities: Array,
    statistics: Statistics,
    evidence_weight: float = 1.0,
    prior_probabilities: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Log-likelihoods of the levels (N, levels), and of false positives (N,), from probabilities (N, levels + 1).

    Prior probabilities are divided out, because the decoder multiplies by them: of false positives those of the
    statistics, of levels ``prior_probabilities`` (levels,), their frequencies in the training data (None: not divided
    out). They are taken relative to the network's mean, so that the odds of all levels together against a false
    positive stay.
    evidence_weight: an exponent.
    """
    false = np.clip(probabilities[:, -1], 1e-4, 1 - 1e-4)
    levels = probabilities[:, :-1] / (1 - false)[:, None]
    evidence = np.log(np.maximum(levels, LEAST_PROBABILITY))
    if prior_probabilities is not None:
        log_prior = np.log(np.asarray(prior_probabilities, float))
        evidence += (levels @ log_prior)[:, None] - log_prior
    prior = np.log(statistics.false_rate) - np.log1p(-statistics.false_rate)
    return evidence_weight * evidence, np.log(false) - np.log1p(-false) - prior


def evidence(network: keras.Model, settings: Settings[NamingOptions], detections: Keypoints) -> tuple[Array, Array]:
    """Log-likelihoods (N, levels) of LEVELS for N detected bodies, and the log-odds (N,) of false positives.

    Both are in the order given, as `Detections` takes them.
    settings: of a naming model, with what its card has learnt.
    """
    return evidence_from(level_probabilities(network, settings, [detections])[0], settings)


def evidence_from(probabilities: Array, settings: Settings[NamingOptions]) -> tuple[Array, Array]:
    """The same from the network's probabilities (N, levels + 1)."""
    options = settings.options
    return evidence_of(probabilities, statistics_of(settings), options.evidence_weight, options.prior_probabilities)


def decoded(
    network: keras.Model, settings: Settings[NamingOptions], detections: Keypoints, alternatives: int = 0
) -> Naming:
    """The names of detected bodies, by the exact decoder from the network's evidence; `completed`."""
    naming = named(
        level_probabilities(network, settings, [detections])[0], detections.bodies_mm, settings, alternatives
    )
    return completed(naming, detections, settings)


def completed(naming: Naming, detections: Keypoints, settings: Settings[NamingOptions]) -> Naming:
    """The naming with levels added at its ends, where both pedicles of a body that was not detected were found."""
    at = [i for i, name in enumerate(naming.names) if name]
    at.sort(key=lambda i: anatomical_order(naming.names[i]))
    found = Landmarks(tuple(naming.names[i] for i in at), detections.bodies_mm[at])
    pedicles = detections.left_mm, detections.right_mm
    undetected = beyond_the_ends(found, detections.probabilities[at], *pedicles, read_places(settings.options.places))
    return replace(naming, interpolated=all_levels(naming.interpolated, undetected)) if len(undetected) else naming


def named(probabilities: Array, points_mm: Array, settings: Settings[NamingOptions], alternatives: int = 0) -> Naming:
    """The names of bodies (N, 3) in RAS+ mm, by the exact decoder from a network's probabilities (N, levels + 1).

    The error probability, and the shifts that are part of it, come from the model that the card has learnt
    (``error_weights``), where it has one. The decoder's own does not consider a network that is uncertain about the
    whole spine.
    """
    levels, false = evidence_from(probabilities, settings)
    detections = Detections(points_mm, levels.reshape(-1, len(LEVELS)), false)
    naming = decode(detections, statistics_of(settings), alternatives)
    weights = settings.options.error_weights
    if weights is None or not len(naming.found):
        return naming
    odds = weights[0] + error_features(naming, probabilities) @ np.asarray(weights[1:], float)
    error_probability = float(1 / (1 + np.exp(-np.clip(odds, -50, 50))))
    up, down = (
        shift * error_probability / max(naming.error_probability, 1e-12) for shift in naming.shifted
    )  # part of the error probability
    return replace(
        naming, error_probability=error_probability, shifted=(min(up, error_probability), min(down, error_probability))
    )


def error_features(naming: Naming, probabilities: Array) -> Array:
    """Two features of a wrong name (2,), from a naming and the network's probabilities (N, levels + 1).

    They are the log-odds of the decoder's error probability and the logarithm of the mean entropy of the probabilities.
    """
    error_probability = float(np.clip(naming.error_probability, 1e-6, 1 - 1e-6))
    entropy = -(probabilities * np.log(np.maximum(probabilities, LEAST_PROBABILITY))).sum(axis=1).mean()
    return np.array([np.log(error_probability) - np.log1p(-error_probability), np.log(entropy + 0.01)])


def statistics_of(settings: Settings[NamingOptions]) -> Statistics:
    """The statistics in a naming model's card; those of the literature where it holds none."""
    text = settings.options.statistics
    return Statistics() if text is None else _read(text)


@lru_cache(maxsize=8)
def _read(text: str) -> Statistics:
    return Statistics.from_json(text)
