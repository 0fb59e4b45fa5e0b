"""The learnt options of a naming model: statistics of its samples, and the weights of the decoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.naming_evidence import error_features, evidence_of
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import SampleStore
from learning_functions.task import Settings
from learning_functions.task_options.naming_options import NamingOptions
from learning_functions.training.naming_error import error_weights
from utility_functions.anatomy.labels import LEVELS, VERTEBRAE
from utility_functions.anatomy.naming.decoder import WARNING_FROM, decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.evidence import ROWS
from utility_functions.anatomy.naming.nodes import PLACE, PRESENT, UNITS
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.naming.statistics_fit import Example, fit
from utility_functions.geometry.landmarks import Landmarks

if TYPE_CHECKING:
    import keras

AT_ONCE = 64
"""Samples in a batch."""
MOST = 300
"""The most validation scans that are decoded."""
VARIANCE_INFLATION = (1.6, 3.5)
"""Factors of the fitted deviations of distances and of directions (`Statistics.with_inflated_variances`)."""
EVIDENCE_WEIGHTS = (1.5, 1.0, 2.0)
"""Weights of the network's evidence against the chain statistics; the one with most correct names is chosen."""
INVERSE_TEMPERATURES = (0.3, 0.2, 0.45)
"""Factors of all log-probabilities of the decoder; the one that makes the true levels likeliest is chosen."""
UNWARNED_FRACTION = 0.91
"""The fraction of correctly named scans that carry no warning."""


class ScanNodes:
    """The nodes of one scan: points (N, 3) in mm, the class of each (row of ROWS), and the levels of its truth."""

    def __init__(self, nodes: NDArray[np.int16], targets: NDArray[Any], has: NDArray[Any]) -> None:
        there = nodes[0, :, PRESENT] > 0
        self.points_mm = nodes[0, there][:, PLACE] / (UNITS / 1000)
        self.rows = targets[0, there].astype(int) - 1
        self.names = tuple(ROWS[row] if ROWS[row] != "false" else "" for row in self.rows)
        self.true = tuple(level for level, held in zip(LEVELS, has, strict=True) if held and level in VERTEBRAE)

    def example(self) -> Example:
        return Example(self.points_mm, Landmarks(self.true, np.zeros((len(self.true), 3))), names=self.names)


def chosen(
    network: keras.Model,
    settings: Settings[NamingOptions],
    training: SampleStore,
    validation: SampleStore,
    changes: Any = None,
) -> NamingOptions:
    """The options of a naming model with its learnt ones.

    From the training samples: ``statistics``, in JSON, and ``prior_probabilities``, of the levels after the
    augmentation ``changes`` (`NodeChanges`; None: as stored), which can add variants.
    From the validation samples: ``evidence_weight``; ``error_weights``, by which the decoder's and the network's
    features give the error probability of a scan (`naming_error`); and ``warn_from``, the error probability from
    which a scan carries a warning.
    """
    learnt_from = [scan for scan, _ in _scans(training, settings)]
    fitted = fit(scan.example() for scan in learnt_from).with_inflated_variances(*VARIANCE_INFLATION)
    before = _level_fractions(training, changes)
    scans = list(_scans(validation, settings))
    scans = scans[:: -(-len(scans) // MOST)]
    inputs = np.stack([nodes for _, nodes in scans]).astype(np.float32) / UNITS
    predicted = np.asarray(network(inputs, training=False), np.float64).mean(axis=3)[:, 0]
    decoded = [(scan, predicted[i, : len(scan.rows)]) for i, (scan, _) in enumerate(scans)]

    def tried(evidence_weight: float, inverse_temperature: float) -> _Tried:
        return _tried(decoded, replace(fitted, inverse_temperature=inverse_temperature), evidence_weight, before)

    by_weight = {
        evidence_weight: tried(evidence_weight, INVERSE_TEMPERATURES[0]) for evidence_weight in EVIDENCE_WEIGHTS
    }
    evidence_weight = max(by_weight, key=lambda value: by_weight[value].right)  # the first of equal ones
    by_temperature = {
        inverse_temperature: tried(evidence_weight, inverse_temperature)
        for inverse_temperature in INVERSE_TEMPERATURES[1:]
    }
    by_temperature[INVERSE_TEMPERATURES[0]] = by_weight[evidence_weight]
    inverse_temperature = max(by_temperature, key=lambda value: by_temperature[value].likely)
    best = by_temperature[inverse_temperature]
    features, wrong = np.array(best.features).reshape(-1, 2), np.array(best.wrong, bool)
    weights = error_weights(features, wrong)
    odds = features[:, 0] if weights is None else weights[0] + features @ np.array(weights[1:])
    errors = 1 / (1 + np.exp(-odds[~wrong]))
    return settings.options.changed(
        statistics=replace(fitted, inverse_temperature=inverse_temperature).to_json(),
        prior_probabilities=tuple(before.tolist()),
        evidence_weight=evidence_weight,
        error_weights=weights,
        warn_from=float(np.quantile(errors, UNWARNED_FRACTION)) if len(errors) else WARNING_FROM,
    )


def _level_fractions(store: SampleStore, changes: Any) -> NDArray[np.float64]:
    """The fraction of each level among all nodes of one epoch."""
    batches = epoch_batches(store, AT_ONCE, epoch=0, seed=0, shuffle=False, augment=changes)
    counts = np.ones(len(LEVELS))
    for _, targets, *_ in batches:
        counts += np.bincount(np.ravel(targets), minlength=len(ROWS) + 1)[1 : len(LEVELS) + 1]
    return counts / counts.sum()


def _scans(store: SampleStore, settings: Settings) -> Iterator[tuple[ScanNodes, NDArray[np.int16]]]:
    """The first sample of each scan, with its nodes as stored."""
    reader = SampleReader(store)
    parts = store.parts()
    for index in store.first_of_each_scan():
        one = {name: np.empty((1, *parts[name][1]), parts[name][0]) for name in ("inputs", "targets", "numbers")}
        reader.read([index], **one)
        yield ScanNodes(one["inputs"][0], one["targets"][0], one["numbers"][0]), one["inputs"][0]


class _Tried(NamedTuple):
    """One setting of the decoder on all scans.

    right: correctly named detections. likely: log-likelihood of the truth (nats). features, wrong: per scan, the
    features of its error probability, and whether a vertebra of the truth has a wrong name.
    """

    right: int
    likely: float
    features: list[NDArray[np.float64]]
    wrong: list[bool]


def _tried(
    scans: list[tuple[ScanNodes, NDArray[np.float64]]],
    statistics: Statistics,
    evidence_weight: float,
    before: NDArray[np.float64],
) -> _Tried:
    right, likely, features, wrong = 0, 0.0, [], []
    for scan, predicted in scans:
        levels, false = evidence_of(predicted, statistics, evidence_weight, before)
        naming = decode(Detections(scan.points_mm, levels, false), statistics)
        likely += float(np.log(np.maximum(naming.posterior[np.arange(len(scan.rows)), scan.rows], 1e-6)).sum())
        right += sum(name == true for name, true in zip(naming.names, scan.names, strict=True))
        features.append(error_features(naming, predicted))
        wrong.append(any(a != b and b in scan.true for a, b in zip(naming.names, scan.names, strict=True)))
    return _Tried(right, likely, features, wrong)
