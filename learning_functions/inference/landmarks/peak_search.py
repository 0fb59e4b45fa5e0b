"""The maxima of a heatmap network's answer over a whole scan, tile by tile, so that no scan of heatmaps is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.sliding_window import FIXED_GB, MOST_GB, bytes_per_voxel, flexible, tile_plan
from utility_functions.anatomy.peaks import LOWEST_HEAT, Peaks, local_maxima
from utility_functions.geometry.boxes import Box, box_at, common, first_of, moved, size_of, widened
from utility_functions.geometry.volume import Volume

BYTES_PER_VOXEL_AND_LANDMARK = 24.0
"""Memory that the maps of one landmark take per voxel: local, spatial and their product, and what is made of them."""


def find_peaks(
    network: Any,
    image: Volume,
    box: Box,
    margin: Sequence[int],
    stride: int,
    memory_gb: float,
    padding: float,
    lowest: float = LOWEST_HEAT,
    largest: NDArray[np.float16] | None = None,
) -> Peaks:
    """Maxima in a box of an image, places in RAS+ mm.

    network: sees (1, x, y, z, 1), sizes multiples of ``stride``, and answers (1, x, y, z, landmarks).
    A tile shows ``margin`` voxels beyond what its maxima are taken from, and ``padding`` beyond the image.
    largest: of the image's shape; where given, the largest heat of all landmarks is written into it, inside the box.
    """
    network = flexible(network)
    each = bytes_per_voxel(network) + BYTES_PER_VOXEL_AND_LANDMARK * network.outputs[0].shape[-1]
    most = max(min(memory_gb, MOST_GB) - FIXED_GB, 0.1) * 1e9 / each
    around = common(widened(box, *margin), box_at((0, 0, 0), image.grid.shape))
    low, shown = np.array(first_of(around)), size_of(around)
    size, core, corners = tile_plan(shown, margin, stride, most)
    edge = np.where(np.asarray(core) < shown, margin, 0)
    found = []
    for corner in corners:
        inner = low + corner  # of the core, in voxels of the image
        tile = image.window(inner - edge, size, fill=padding).voxels
        if (tile == np.float32(padding)).all():
            continue
        answer = np.asarray(network.predict_on_batch(tile[None, ..., None].astype(np.float32)))[0]
        peaks = local_maxima(answer, lowest)
        places = peaks.places + (inner - edge)
        voxels = np.rint(places)
        here = common(box_at(inner, core), box)
        begin = np.array(first_of(here))
        mine = np.all((voxels >= begin) & (voxels < begin + size_of(here)), axis=1)
        if largest is not None:
            largest[here] = answer[moved(here, edge - inner)].max(axis=-1)
        found.append(Peaks(image.grid.to_mm(places), peaks.landmarks, peaks.responses).at(mine))
    return Peaks.joined(found)
