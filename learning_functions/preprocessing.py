"""Preprocessing of a scan before resampling: intensities that int16 can hold, and the region of interest."""

from __future__ import annotations

import numpy as np

from learning_functions.spec import AIR_HU, Spec, padding_value_of
from learning_functions.task import Settings
from learning_functions.task_options.common_options import TaskOptions
from utility_functions.anatomy.body_box import cropped_to_body
from utility_functions.geometry.flattening import flattened
from utility_functions.geometry.volume import Volume

FULL_RANGE = 8000.0
FLAT_SCALE = 2000.0
"""The stored intensity of tissue of mean brightness in a flattened scan."""
LEAST_RANGE, MOST_RANGE = 1000.0, 32000.0
"""Intensities that span less, or reach farther, are scaled to about FULL_RANGE before they are rounded."""


def storable(volume: Volume, spec: Spec) -> Volume:
    """The volume with intensities that int16 holds well.

    MR has no scale: intensities from 0 to 1, or up to 100,000, are scaled. Normalisation by the scan's own statistics
    cancels the factor. CT, and what is normalised by a fixed window, stay as they are. With ``flatten_mm``, MR is
    divided by its local mean.
    """
    if spec.intensity == "window" or padding_value_of(volume.voxels) == AIR_HU:
        return volume
    if spec.flatten_mm > 0:
        flat = flattened(volume, spec.flatten_mm).voxels
        return volume.with_voxels(np.rint(np.minimum(flat * np.float32(FLAT_SCALE), MOST_RANGE)).astype(np.int16))
    low, high = (float(value) for value in np.percentile(volume.voxels, (0.1, 99.9)))
    reach = max(abs(low), abs(high))
    whole = volume.voxels.dtype.kind in "iub"
    if reach == 0 or (reach <= MOST_RANGE and (whole or high - low >= LEAST_RANGE)):
        return volume
    return volume.with_voxels(volume.voxels.astype(np.float32) * np.float32(FULL_RANGE / reach))


def region_of_interest(volume: Volume, settings: Settings[TaskOptions]) -> Volume:
    """The part of a scan that the network takes: all of it or, with the option ``cropped``, the box round the body."""
    return cropped_to_body(volume) if settings.options.cropped else volume
