"""What a naming model learns besides its network: statistics of its samples, and how to decode with them."""

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
from learning_functions.training.naming_doubt import error_weights
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
"""Scans on which is chosen, at most."""
LOOSER = (1.6, 3.5)
"""How many times as wide as fitted the deviations of distances and of directions are taken (`Statistics.loosened`)."""
SHARPNESS = (1.5, 1.0, 2.0)
"""Of the network's evidence against distances and bends: that which names most detections right."""
SURENESS = (0.3, 0.2, 0.45)
"""Of all of it: that which makes the true levels likeliest."""
QUIET = 0.91
"""Share of rightly named scans that bear no warning."""


class Chosen:
    """The nodes of one scan: places (N, 3) in mm, what each is (row of ROWS), and the levels its truth holds."""

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
    """The options of a naming model with what is learnt: its ``statistics`` in JSON, of the samples learnt from, and
    ``prior_probabilities``, of the levels in them as ``changes`` (`NodeChanges`, None: as they are) made them, since variants
    put in by these are no news to the network; the ``evidence_weight`` of its evidence, ``error_weights``, how the doubt that is
    told follows from the decoder's and the network's (`naming_doubt`), and ``warn_from``, the doubt from which a scan
    is warned of, chosen on those for validation.
    """
    learnt_from = [scan for scan, _ in _scans(training, settings)]
    fitted = fit(scan.example() for scan in learnt_from).loosened(*LOOSER)
    before = _shares_seen(training, changes)
    scans = list(_scans(validation, settings))
    scans = scans[:: -(-len(scans) // MOST)]
    inputs = np.stack([nodes for _, nodes in scans]).astype(np.float32) / UNITS
    told = np.asarray(network(inputs, training=False), np.float64).mean(axis=3)[:, 0]
    kept = [(scan, told[i, : len(scan.rows)]) for i, (scan, _) in enumerate(scans)]

    def tried(evidence_weight: float, sureness: float) -> _Tried:
        return _tried(kept, replace(fitted, sureness=sureness), evidence_weight, before)

    by_sharpness = {evidence_weight: tried(evidence_weight, SURENESS[0]) for evidence_weight in SHARPNESS}
    evidence_weight = max(by_sharpness, key=lambda value: by_sharpness[value].right)  # the first of equal ones
    by_sureness = {sureness: tried(evidence_weight, sureness) for sureness in SURENESS[1:]}
    by_sureness[SURENESS[0]] = by_sharpness[evidence_weight]
    sureness = max(by_sureness, key=lambda value: by_sureness[value].likely)
    best = by_sureness[sureness]
    features, wrong = np.array(best.features).reshape(-1, 2), np.array(best.wrong, bool)
    weights = error_weights(features, wrong)
    odds = features[:, 0] if weights is None else weights[0] + features @ np.array(weights[1:])
    doubts = 1 / (1 + np.exp(-odds[~wrong]))
    return settings.options.changed(
        statistics=replace(fitted, sureness=sureness).to_json(),
        prior_probabilities=tuple(before.tolist()),
        evidence_weight=evidence_weight,
        error_weights=weights,
        warn_from=float(np.quantile(doubts, QUIET)) if len(doubts) else WARNING_FROM,
    )


def _shares_seen(store: SampleStore, changes: Any) -> NDArray[np.float64]:
    """The share of each level among all nodes of one epoch."""
    batches = epoch_batches(store, AT_ONCE, epoch=0, seed=0, shuffle=False, augment=changes)
    counts = np.ones(len(LEVELS))
    for _, targets, *_ in batches:
        counts += np.bincount(np.ravel(targets), minlength=len(ROWS) + 1)[1 : len(LEVELS) + 1]
    return counts / counts.sum()


def _scans(store: SampleStore, settings: Settings) -> Iterator[tuple[Chosen, NDArray[np.int16]]]:
    """One sample of each scan, with its nodes as stored."""
    reader = SampleReader(store)
    parts = store.parts()
    for index in store.first_of_each_scan():
        one = {name: np.empty((1, *parts[name][1]), parts[name][0]) for name in ("inputs", "targets", "numbers")}
        reader.read([index], **one)
        yield Chosen(one["inputs"][0], one["targets"][0], one["numbers"][0]), one["inputs"][0]


class _Tried(NamedTuple):
    """How many detections are named right, how likely the truth is (nats), and per scan what tells of doubt, and
    whether a body that the truth names is named wrongly."""

    right: int
    likely: float
    features: list[NDArray[np.float64]]
    wrong: list[bool]


def _tried(
    scans: list[tuple[Chosen, NDArray[np.float64]]],
    statistics: Statistics,
    evidence_weight: float,
    before: NDArray[np.float64],
) -> _Tried:
    right, likely, features, wrong = 0, 0.0, [], []
    for scan, told in scans:
        levels, false = evidence_of(told, statistics, evidence_weight, before)
        naming = decode(Detections(scan.points_mm, levels, false), statistics)
        likely += float(np.log(np.maximum(naming.posterior[np.arange(len(scan.rows)), scan.rows], 1e-6)).sum())
        right += sum(name == true for name, true in zip(naming.names, scan.names, strict=True))
        features.append(error_features(naming, told))
        wrong.append(any(a != b and b in scan.true for a, b in zip(naming.names, scan.names, strict=True)))
    return _Tried(right, likely, features, wrong)
