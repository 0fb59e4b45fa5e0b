"""What a detection of parts learns besides its network: how sure it is of arches as patients lie, and turned."""

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
"""Scans on which is chosen, at most."""
LEAST_SCANS = 20
"""Of fewer scans that show arches nothing is chosen."""
HESITANT_SHARE = 0.1
"""Share of scans, lying as the header says, of which turns may be looked at for nothing."""
BELIEVED_SHARE = 0.02
"""Share of scans of which the right turn may not be believed."""
TURNED_SHARE = 0.9
"""Share of turned scans that must be seen with less certainty than the middle one of those that lie as they should."""
LEAST_VOXELS = 200
"""Of fewer voxels of arch the mean of a scan tells nothing."""


class Seen(NamedTuple):
    """Mean probabilities of arch per scan: as patients lie, and the highest of the turned ones (0 where none is)."""

    upright: NDArray[np.float64]
    turned: NDArray[np.float64]


def chosen_check(network: keras.Model, validation: SampleStore) -> OrientationCheck | None:
    """What tells the samples' scans from the same ones turned; None where that is not to be told.

    Turns are looked at below what all but a tenth of the scans reach, and below what all but a fiftieth reach none is
    believed.
    """
    return check_of(arches_seen(network, validation))


def check_of(seen: Seen) -> OrientationCheck | None:
    """The choice, by mean probabilities of arch."""
    if len(seen.upright) < LEAST_SCANS or np.quantile(seen.turned, TURNED_SHARE) >= np.median(seen.upright):
        return None
    hesitant, believed = np.quantile(seen.upright, (HESITANT_SHARE, BELIEVED_SHARE))
    return OrientationCheck(round(float(hesitant), 4), round(float(believed), 4))


def arches_seen(network: keras.Model, store: SampleStore) -> Seen:
    """How sure the network is of arches in the patches of each scan (of MOST_SCANS at most), turned by quarters too.

    By half a turn alone where voxels are not as wide as they are deep.
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
        for quarters in range(4) if square else (0, 2):
            shown = np.rot90(np.asarray(x), quarters, axes=(1, 2))
            told = np.asarray(patch_predictor(np.ascontiguousarray(shown), training=False))
            arch = told[..., ARCH][told.argmax(axis=-1) == ARCH]
            sums[case][quarters] += arch.sum(dtype=np.float64), arch.size
    found = np.array([each for each in sums.values() if each[0, 1] >= LEAST_VOXELS]).reshape(-1, 4, 2)
    means = np.divide(found[..., 0], found[..., 1], out=np.zeros(found.shape[:2]), where=found[..., 1] > 0)
    return Seen(means[:, 0], means[:, 1:].max(axis=1))
