"""The learnt temperature of an identification: how much its votes count against the statistics of the spine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import h5py
import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.sample_store import SampleStore
from utility_functions.anatomy.body_evidence import NOISE_FRACTION, mean_probabilities
from utility_functions.anatomy.dense_targets import NUMBER_OF_LEVELS

if TYPE_CHECKING:
    import keras

AT_ONCE = 16
"""Samples in a batch."""
MOST_SCANS = 100
"""The most scans that are predicted."""
LEAST_SCANS = 20
"""The fewest scans with two levels or more that a temperature is chosen from."""
LEAST_PIXELS = 50
"""A level counts in a scan from this many pixels of its samples on."""
FARTHEST = 3
"""The largest shift of all names of a scan that is compared with the truth, in levels."""
TEMPERATURES = tuple(np.round(np.arange(0.2, 2.01, 0.05), 2).tolist())

BodyVotes = tuple[NDArray[np.float64], NDArray[np.int_]]
"""The levels in a scan: the mean probability of each level number (n, 26), and the true number (n,), C1 = 1."""


def chosen_temperature(network: keras.Model, validation: SampleStore) -> float | None:
    """The temperature that makes the true names of the scans likeliest; None where there are too few scans."""
    return temperature_of(body_probabilities(network, validation))


def temperature_of(scans: Sequence[BodyVotes]) -> float | None:
    """The same, from the bodies of each scan.

    Wrong names of a scan are mostly shifted together. So the log-probabilities of all bodies are summed for each
    shift before the shifts are compared; a temperature below 1 expresses how strongly their errors correlate.
    """
    compared: list[NDArray[np.float64]] = []
    for level_probabilities, true in scans:
        logs = np.log((1 - NOISE_FRACTION) * level_probabilities + NOISE_FRACTION / NUMBER_OF_LEVELS)
        shifts = [k for k in range(-FARTHEST, FARTHEST + 1) if true.min() + k >= 1 and true.max() + k <= logs.shape[1]]
        sums = {k: float(logs[np.arange(len(true)), true + k - 1].sum()) for k in shifts}
        if len(true) > 1:
            compared.append(np.array([sums.pop(0), *sums.values()]))
    if len(compared) < LEAST_SCANS:
        return None

    def likelihood(temperature: float) -> float:
        return sum(float(temperature * each[0] - np.logaddexp.reduce(temperature * each)) for each in compared)

    return float(max(TEMPERATURES, key=likelihood))


def body_probabilities(network: keras.Model, store: SampleStore) -> list[BodyVotes]:
    """The network's mean probabilities at each level in the samples of each scan, of MOST_SCANS at most."""
    with h5py.File(store.path, "r") as file:
        cases = file["case"][()][store.places]
    scans = np.unique(cases)
    wanted = set(scans[:: -(-len(scans) // MOST_SCANS)].tolist())
    predicted: dict[int, dict[int, list[NDArray[np.float32]]]] = {case: {} for case in wanted}
    start = 0
    for x, y in epoch_batches(store, AT_ONCE, epoch=0, seed=0, shuffle=False):
        its = cases[start : start + len(x)]
        start += len(x)
        if wanted.isdisjoint(its.tolist()):
            continue
        for case, output, target in zip(its, np.asarray(network(x, training=False)), np.asarray(y), strict=True):
            for level in np.unique(target[target > 0]) if case in wanted else ():
                predicted[case].setdefault(int(level), []).append(output[target == level])
    found = []
    for levels in predicted.values():
        pixels = {level: np.concatenate(parts) for level, parts in sorted(levels.items())}
        pixels = {level: values for level, values in pixels.items() if len(values) >= LEAST_PIXELS}
        means = [mean_probabilities(each[:, 0], each if each.shape[1] > 1 else None) for each in pixels.values()]
        if means:
            found.append((np.array(means), np.array(list(pixels))))
    return found
