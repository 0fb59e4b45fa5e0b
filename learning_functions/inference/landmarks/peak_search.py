"""The maxima of a heatmap network's answer over a whole scan, tile by tile, so that no scan of heatmaps is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.sliding_window import FIXED_GB, MOST_GB, bytes_per_voxel, flexible, tile_plan
from utility_functions.anatomy.heatmaps import spine_box as heat_box
from utility_functions.anatomy.peaks import LOWEST_HEAT, Peaks, local_maxima
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings

BYTES_PER_VOXEL_AND_LANDMARK = 24.0
"""Memory that the maps of one landmark take per voxel: local, spatial and their product, and what is made of them."""

Box = tuple[tuple[int, int, int], tuple[int, int, int]]


def find_peaks(
    network: Any,
    image: Volume,
    box: Box,
    margin: Sequence[int],
    stride: int,
    memory_gb: float,
    air: float,
    lowest: float = LOWEST_HEAT,
    largest: NDArray[np.float16] | None = None,
) -> Peaks:
    """Maxima in a box (first voxel, shape) of an image, places in RAS+ mm.

    network: sees (1, x, y, z, 1), sizes multiples of ``stride``, and answers (1, x, y, z, landmarks).
    A tile shows ``margin`` voxels beyond what its maxima are taken from, and ``air`` beyond the image.
    largest: of the image's shape; where given, the largest heat of all landmarks is written into it, inside the box.
    """
    first, shape = np.asarray(box[0]), np.asarray(box[1])
    network = flexible(network)
    each = bytes_per_voxel(network) + BYTES_PER_VOXEL_AND_LANDMARK * network.outputs[0].shape[-1]
    most = max(min(memory_gb, MOST_GB) - FIXED_GB, 0.1) * 1e9 / each
    low = np.maximum(first - margin, 0)  # of what is shown
    shown = np.minimum(first + shape + margin, image.grid.shape) - low
    size, core, corners = tile_plan(shown, margin, stride, most)
    edge = np.where(np.asarray(core) < shown, margin, 0)
    found = []
    for corner in corners:
        inner = low + corner  # of the core, in voxels of the image
        tile = image.window(inner - edge, size, fill=air).voxels
        if (tile == np.float32(air)).all():
            continue
        answer = np.asarray(network.predict_on_batch(tile[None, ..., None].astype(np.float32)))[0]
        peaks = local_maxima(answer, lowest)
        places = peaks.places + (inner - edge)
        voxels = np.rint(places)
        begin = np.maximum(inner, first)
        end = np.maximum(np.minimum(inner + core, first + shape), begin)
        mine = ((voxels >= begin) & (voxels < end)).all(axis=1)
        if largest is not None:
            here = tuple(slice(a, b) for a, b in zip(begin, end, strict=True))
            there = tuple(slice(a, b) for a, b in zip(begin - inner + edge, end - inner + edge, strict=True))
            largest[here] = answer[there].max(axis=-1)
        found.append(Peaks(image.grid.to_mm(places), peaks.landmarks, peaks.heats).at(mine))
    return Peaks.joined(found)


def spine_box(findings: Findings, image: Volume, margin_mm: float) -> Box:
    """First voxel and shape of the part of an image that shows the spine, as far as findings on its grid tell: where a
    spine heatmap is above half its maximum (largest component), else where there is detection; else all of it."""
    low, high = np.zeros(3, int), np.asarray(image.grid.shape)
    if findings.heatmap is not None and (spine := heat_box(findings.heatmap)) is not None:
        low = np.rint(image.grid.to_index(spine.to_mm((0, 0, 0)))).astype(int)
        high = low + spine.shape
    elif findings.detection is not None and findings.detection.voxels.any():
        where = np.argwhere(findings.detection.voxels > 0)
        low, high = where.min(axis=0), where.max(axis=0) + 1
    edge = np.ceil(margin_mm / np.asarray(image.grid.spacing_mm)).astype(int)
    low, high = np.maximum(low - edge, 0), np.minimum(high + edge, image.grid.shape)
    x, y, z = (int(n) for n in low)
    a, b, c = (int(n) for n in high - low)
    return (x, y, z), (a, b, c)
