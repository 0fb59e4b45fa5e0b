"""The maxima of a heatmap network's output over a whole scan, tile by tile, so that no full heatmaps are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.pass_memory import bytes_per_voxel, pass_bytes
from learning_functions.inference.sliding_window import flexible, tile_plan
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice
from utility_functions.anatomy.peaks import LOWEST_RESPONSE, Peaks, local_maxima
from utility_functions.geometry.boxes import Box, box_at, common, first_of, moved, size_of, widened
from utility_functions.geometry.volume import Volume

BYTES_PER_VOXEL_AND_LANDMARK = 24.0
"""Memory of the maps of one landmark per voxel: local, spatial and their product, and what is computed from them."""


def find_peaks(
    network: Any,
    image: Volume,
    box: Box,
    margin: Sequence[int],
    stride: int,
    memory_gb: float,
    padding: float,
    lowest: float = LOWEST_RESPONSE,
    largest: NDArray[np.float16] | None = None,
    device: InferenceDevice = PROCESSOR,
) -> Peaks:
    """Maxima in a box of an image, points in RAS+ mm.

    network: input (1, x, y, z, 1), sizes multiples of ``stride``; output (1, x, y, z, landmarks).
    A tile reaches ``margin`` voxels beyond the core from which its maxima are taken; ``padding`` pads the image.
    largest: of the image's shape; where given, the largest response of all landmarks is written into it, inside the
    box.
    """
    network = flexible(network)
    each = bytes_per_voxel(network) + BYTES_PER_VOXEL_AND_LANDMARK * network.outputs[0].shape[-1]
    most = pass_bytes(device, memory_gb) / each
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
        output = np.asarray(network.predict_on_batch(tile[None, ..., None].astype(np.float32)))[0]
        peaks = local_maxima(output, lowest)
        places = peaks.places + (inner - edge)
        voxels = np.rint(places)
        here = common(box_at(inner, core), box)
        begin = np.array(first_of(here))
        in_core = np.all((voxels >= begin) & (voxels < begin + size_of(here)), axis=1)
        if largest is not None:
            largest[here] = output[moved(here, edge - inner)].max(axis=-1)
        found.append(Peaks(image.grid.to_mm(places), peaks.landmarks, peaks.responses).at(in_core))
    return Peaks.joined(found)
