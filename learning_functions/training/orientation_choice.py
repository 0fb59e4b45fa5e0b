"""The learnt thresholds of the orientation check of a part detection, from its probabilities of vertebral arches."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.sliding_window import flexible
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.sample_store import SampleStore
from learning_functions.task_options.orientation_check import OrientationCheck
from utility_functions.anatomy.parts import ARCH

if TYPE_CHECKING:
    import keras

MOST_SCANS = 60
"""The most scans that are predicted."""
LEAST_SCANS = 20
"""The fewest scans with arches that thresholds are chosen from."""
HESITANT_FRACTION = 0.1
"""The fraction of scans with a correct header for which turned copies may be predicted without need."""
BELIEVED_FRACTION = 0.02
"""The fraction of scans whose correct orientation may be rejected."""
TURNED_FRACTION = 0.9
"""The fraction of turned scans whose probabilities must be below the median of the upright ones."""
LEAST_VOXELS = 200
"""The fewest arch voxels that the mean of a scan is taken over."""


class ArchProbabilities(NamedTuple):
    """Mean arch probability per scan: upright, and the highest of its turned copies (0 without arch voxels)."""

    upright: NDArray[np.float64]
    turned: NDArray[np.float64]


def chosen_check(network: keras.Model, validation: SampleStore) -> OrientationCheck | None:
    """Thresholds that separate upright scans from turned ones; None where the probabilities do not separate them.

    Turned copies are predicted below the 10th percentile of the upright scans. An orientation is accepted from their
    2nd percentile on.
    """
    return check_of(arch_probabilities(network, validation))


def check_of(seen: ArchProbabilities) -> OrientationCheck | None:
    """The thresholds, from mean arch probabilities."""
    if len(seen.upright) < LEAST_SCANS or np.quantile(seen.turned, TURNED_FRACTION) >= np.median(seen.upright):
        return None
    hesitant, believed = np.quantile(seen.upright, (HESITANT_FRACTION, BELIEVED_FRACTION))
    return OrientationCheck(round(float(hesitant), 4), round(float(believed), 4))


def arch_probabilities(network: keras.Model, store: SampleStore) -> ArchProbabilities:
    """The arch probabilities in the patches of each scan (MOST_SCANS at most), also after quarter turns.

    Where voxels are not square in the axial plane, only the half turn is predicted.
    """
    with h5py.File(store.path, "r") as file:
        cases = file["case"][()][store.places]
    scans = np.unique(cases)
    wanted = set(scans[:: -(-len(scans) // MOST_SCANS)].tolist())
    square = store.spec.spacing_mm[0] == store.spec.spacing_mm[1]
    sums = {case: np.zeros((4, 2)) for case in wanted}
    patch_predictor = flexible(network)
    for case, (x, _) in zip(cases, epoch_batches(store, 1, epoch=0, seed=0, shuffle=False), strict=True):
        if case not in wanted:
            continue
        for turns in range(4) if square else (0, 2):
            turned = np.rot90(np.asarray(x), turns, axes=(1, 2))
            probabilities = np.asarray(patch_predictor(np.ascontiguousarray(turned), training=False))
            arch = probabilities[..., ARCH][probabilities.argmax(axis=-1) == ARCH]
            sums[case][turns] += arch.sum(dtype=np.float64), arch.size
    found = np.array([each for each in sums.values() if each[0, 1] >= LEAST_VOXELS]).reshape(-1, 4, 2)
    means = np.divide(found[..., 0], found[..., 1], out=np.zeros(found.shape[:2]), where=found[..., 1] > 0)
    return ArchProbabilities(means[:, 0], means[:, 1:].max(axis=1))
