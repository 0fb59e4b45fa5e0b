"""The learnt threshold of vertebra masks: the probability from which a voxel belongs to a vertebra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keras_models.panoptic_unet import PARTS_OUTPUT
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.sample_store import SampleStore
from utility_functions.anatomy.parts import VERTEBRA

if TYPE_CHECKING:
    import keras

THRESHOLDS = tuple(np.round(np.arange(0.1, 0.71, 0.05), 2).tolist())
MOST_SAMPLES = 120
"""The most samples that are predicted."""
LEAST_VOXELS = 500
"""A sample counts from this many voxels of vertebrae on."""


def chosen_threshold(network: keras.Model, validation: SampleStore) -> float | None:
    """The threshold with the highest mean Dice of vertebrae over samples; None where no sample shows enough of them."""
    rows = []
    every = -(-validation.count // MOST_SAMPLES)
    for number, (x, y) in enumerate(epoch_batches(validation, 1, epoch=0, seed=0, shuffle=False)):
        if number % every:
            continue
        parts = np.asarray(y)[0, ..., 0]
        true = np.isin(parts, VERTEBRA)
        if true.sum() >= LEAST_VOXELS:
            probabilities = np.asarray(network(x, training=False)[PARTS_OUTPUT])[0]
            rows.append(dice_by_threshold(probabilities[..., VERTEBRA].sum(axis=-1), true))
    return None if not rows else float(THRESHOLDS[int(np.mean(rows, axis=0).argmax())])


def dice_by_threshold(probability: NDArray[np.floating], true: NDArray[np.bool_]) -> list[float]:
    """Dice of the voxels (of any shape) at or above each of THRESHOLDS."""
    found = [probability >= threshold for threshold in THRESHOLDS]
    return [2 * float((mask & true).sum()) / max(float(mask.sum() + true.sum()), 1.0) for mask in found]
