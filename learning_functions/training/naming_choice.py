"""What a naming model learns besides its network: statistics of its samples, and how to decode with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.running.naming_evidence import evidence_of
from learning_functions.samples.store import SampleReader, SampleStore
from learning_functions.task import Settings
from utility_functions.anatomy.labels import LEVELS, VERTEBRAE
from utility_functions.anatomy.naming.decoder import WARNING_FROM, decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.evidence import ROWS
from utility_functions.anatomy.naming.fitting import Example, fit
from utility_functions.anatomy.naming.nodes import PLACE, PRESENT, UNITS
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.geometry.landmarks import Landmarks

if TYPE_CHECKING:
    import keras

MOST = 250
"""Scans on which is chosen, at most."""
USUAL = {"steps": 1.6, "turns": 3.5, "sharpness": 1.0, "sureness": 0.5}
OTHERS = ({"steps": 2.5, "turns": 5.0}, {"sharpness": 0.6}, {"sureness": 0.35}, {"sureness": 0.7}, {"sureness": 0.9})
"""What is tried one after another, and kept where the true levels become likelier."""
QUIET = 0.92
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
    network: keras.Model, settings: Settings, training: SampleStore, validation: SampleStore
) -> Mapping[str, Any]:
    """Options of a naming model: its ``statistics`` in JSON, fitted on the samples learnt from, the ``sharpness`` of
    its evidence, and ``warn_from``, the doubt from which a scan is warned of; both chosen on those for validation.
    """
    fitted = fit(scan.example() for scan, _ in _scans(training, settings))
    scans = list(_scans(validation, settings))
    scans = scans[:: -(-len(scans) // MOST)]
    inputs = np.stack([nodes for _, nodes in scans]).astype(np.float32) / UNITS
    told = np.asarray(network(inputs, training=False), np.float64).mean(axis=3)[:, 0]
    kept = [(scan, told[i, : len(scan.rows)]) for i, (scan, _) in enumerate(scans)]
    values = dict(USUAL)
    best, doubts = _tried(kept, fitted, values)
    for other in OTHERS:
        trial = {**values, **other}
        likely, its = _tried(kept, fitted, trial)
        if likely > best:
            values, best, doubts = trial, likely, its
    return {
        "statistics": _statistics(fitted, values).to_json(),
        "sharpness": values["sharpness"],
        "warn_from": float(np.quantile(doubts, QUIET)) if doubts else WARNING_FROM,
    }


def _scans(store: SampleStore, settings: Settings) -> Iterator[tuple[Chosen, NDArray[np.int16]]]:
    """One sample of each scan, with its nodes as stored."""
    reader = SampleReader(store)
    parts = store.parts()
    for index in range(0, store.count, settings.samples_per_scan):
        one = {name: np.empty((1, *parts[name][1]), parts[name][0]) for name in ("inputs", "targets", "numbers")}
        reader.read([index], **one)
        yield Chosen(one["inputs"][0], one["targets"][0], one["numbers"][0]), one["inputs"][0]


def _statistics(fitted: Statistics, values: Mapping[str, float]) -> Statistics:
    return replace(fitted.loosened(values["steps"], values["turns"]), sureness=values["sureness"])


def _tried(
    scans: list[tuple[Chosen, NDArray[np.float64]]], fitted: Statistics, values: Mapping[str, float]
) -> tuple[float, list[float]]:
    """How likely the truth becomes, in nats of all nodes, and the doubt in each scan that is named rightly."""
    statistics = _statistics(fitted, values)
    likely, doubts = 0.0, []
    for scan, told in scans:
        levels, false = evidence_of(told, statistics, values["sharpness"])
        naming = decode(Detections(scan.points_mm, levels, false), statistics)
        likely += float(np.log(np.maximum(naming.posterior[np.arange(len(scan.rows)), scan.rows], 1e-6)).sum())
        if naming.names == scan.names:
            doubts.append(naming.doubt)
    return likely, doubts
