"""What an identification learns besides its network: how much its votes count against what is usual along a spine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import h5py
import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.sample_store import SampleStore
from utility_functions.anatomy.body_evidence import STRAY, mean_probabilities
from utility_functions.anatomy.dense_targets import NUMBER_OF_LEVELS

if TYPE_CHECKING:
    import keras

AT_ONCE = 16
"""Samples in a batch."""
MOST_SCANS = 100
"""Scans on which is chosen, at most."""
LEAST_SCANS = 20
"""Of fewer scans of two levels or more nothing is chosen."""
LEAST_PIXELS = 50
"""A level of which a scan's samples show fewer pixels does not count."""
FARTHEST = 3
"""Levels by which all names of a scan may be off, in what is held against the truth."""
TEMPERATURES = tuple(np.round(np.arange(0.2, 2.01, 0.05), 2).tolist())

BodyVotes = tuple[NDArray[np.float64], NDArray[np.int_]]
"""Of the levels that a scan shows the mean share of each number (n, 26), and the true one (n,), C1 = 1."""


def chosen_temperature(network: keras.Model, validation: SampleStore) -> float | None:
    """The temperature that makes the true names of the samples' scans likeliest; None where they are too few."""
    return temperature_of(bodies_seen(network, validation))


def temperature_of(scans: Sequence[BodyVotes]) -> float | None:
    """The same, of what was told of each scan.

    All bodies of a scan are held to be so many levels off together, as they mostly are where names are wrong: their
    logarithms are summed before they are compared, so that a temperature below 1 stands for how much they err together.
    """
    held: list[NDArray[np.float64]] = []
    for level_probabilities, true in scans:
        told = np.log((1 - STRAY) * level_probabilities + STRAY / NUMBER_OF_LEVELS)
        shifts = [k for k in range(-FARTHEST, FARTHEST + 1) if true.min() + k >= 1 and true.max() + k <= told.shape[1]]
        sums = {k: float(told[np.arange(len(true)), true + k - 1].sum()) for k in shifts}
        if len(true) > 1:
            held.append(np.array([sums.pop(0), *sums.values()]))
    if len(held) < LEAST_SCANS:
        return None

    def likelihood(temperature: float) -> float:
        return sum(float(temperature * each[0] - np.logaddexp.reduce(temperature * each)) for each in held)

    return float(max(TEMPERATURES, key=likelihood))


def bodies_seen(network: keras.Model, store: SampleStore) -> list[BodyVotes]:
    """What the network tells of each level in the samples of each scan, of MOST_SCANS at most."""
    with h5py.File(store.path, "r") as file:
        cases = file["case"][()][store.places]
    scans = np.unique(cases)
    wanted = set(scans[:: -(-len(scans) // MOST_SCANS)].tolist())
    seen: dict[int, dict[int, list[NDArray[np.float32]]]] = {case: {} for case in wanted}
    start = 0
    for x, y in epoch_batches(store, AT_ONCE, epoch=0, seed=0, shuffle=False):
        its = cases[start : start + len(x)]
        start += len(x)
        if wanted.isdisjoint(its.tolist()):
            continue
        for case, told, target in zip(its, np.asarray(network(x, training=False)), np.asarray(y), strict=True):
            for level in np.unique(target[target > 0]) if case in wanted else ():
                seen[case].setdefault(int(level), []).append(told[target == level])
    found = []
    for levels in seen.values():
        pixels = {level: np.concatenate(parts) for level, parts in sorted(levels.items())}
        pixels = {level: told for level, told in pixels.items() if len(told) >= LEAST_PIXELS}
        means = [mean_probabilities(told[:, 0], told if told.shape[1] > 1 else None) for told in pixels.values()]
        if means:
            found.append((np.array(means), np.array(list(pixels))))
    return found
