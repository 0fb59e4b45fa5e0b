"""Single vertebrae, discs and the canal from a map of classes, by connected components of the bodies."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.disc_planes import disc_planes
from utility_functions.anatomy.structures import (
    CANAL,
    SPIDER_MOST,
    STRUCTURES,
    VERTEBRA,
    with_discs_and_canal,
)
from utility_functions.geometry.volume import LabelMap

CORE_MM = 2.5
"""Eroding the bodies by this much separates those that touch in a thin bridge."""
LEAST_DEPTH_RATIO = 0.45
"""A core whose greatest depth is below this fraction of the usual one is a spur or a small component."""
LEAST_MM3 = 150.0
MOST_HEIGHT_MM, MOST_HEIGHT_RATIO = 45.0, 1.6
"""A core higher than this, or than this many times the median one, is of more than one body."""
STEP_MM = 0.5


def numbered_spine(structures: LabelMap) -> LabelMap:
    """A map in SPIDER's code: vertebrae 1.. from the bottom, 100 the canal, 201.. the discs below each vertebra.

    structures: codes of anatomy/structures.py on any grid. Bodies, which lie in front of the canal, are separated by
    their components. The rest of each vertebra is assigned to the body that is nearest along the bone. Without a
    vertebra only the canal is numbered.
    """
    turned = structures.reoriented("RAS")
    cleaned = LabelMap(without_small_components(turned), turned.grid)
    counted = LabelMap(_counted(cleaned), turned.grid)
    return with_discs_and_canal(counted, cleaned).reoriented(structures.grid.axcodes)


def without_small_components(structures: LabelMap, least_mm3: float = LEAST_MM3) -> NDArray[np.uint8]:
    """The classes without components smaller than ``least_mm3``; of the canal only the largest component is kept."""
    found = structures.voxels.astype(np.uint8)
    for code in range(1, len(STRUCTURES)):
        parts, count = ndimage.label(found == code)
        if not count:
            continue
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        least = max(least_mm3 / structures.grid.voxel_volume_mm3, sizes.max() if code == CANAL else 0)
        found[(sizes < least)[parts] & (parts > 0)] = 0
    return found


def _counted(structures: LabelMap) -> NDArray[np.uint8]:
    """Vertebrae 1.. from the bottom, of classes stored as RAS."""
    bone = structures.voxels == VERTEBRA
    if not bone.any():
        return np.zeros(structures.grid.shape, np.uint8)
    seeds = _cores(structures, bone)
    mask = sitk.GetImageFromArray(np.where(bone, 0, 1).astype(np.uint8))
    grown = sitk.MorphologicalWatershedFromMarkers(mask, sitk.GetImageFromArray(seeds), False, False)
    found = sitk.GetArrayFromImage(grown).astype(np.uint8)
    return np.where(bone, found, 0).astype(np.uint8)


def _cores(structures: LabelMap, bone: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The inner parts of the bodies, numbered from the bottom."""
    spacing = np.asarray(structures.grid.spacing_mm)
    body = _before_canal(structures.voxels, bone)
    body = body if body.any() else bone
    body = np.where((parted := body & ~disc_planes(structures)).any(), parted, body)
    depth = ndimage.distance_transform_edt(np.pad(body, 1, mode="edge"), sampling=spacing)[1:-1, 1:-1, 1:-1]
    cores = _separated(depth, min(CORE_MM, 0.5 * float(depth.max())), spacing)
    depths = np.array([depth[tuple(core.T)].max() for core in cores])
    usual = np.median(depths[depths >= LEAST_DEPTH_RATIO * depths.max()])
    cores = [core for core, deepest in zip(cores, depths, strict=True) if deepest >= LEAST_DEPTH_RATIO * usual]
    cores.sort(key=lambda core: float(core[:, 2].mean()))
    numbers = np.zeros(depth.shape, np.uint8)
    for number, core in enumerate(cores[:SPIDER_MOST], start=1):
        numbers[tuple(core.T)] = number
    return numbers


def _separated(depth: NDArray[np.float64], limit_mm: float, spacing_mm: NDArray[np.float64]) -> list[NDArray[np.int_]]:
    """Indices (n, 3) of the voxels of each core deeper than the limit; cores too high for one body are split further.

    A core that is too high is thresholded again a little deeper, until it separates; one that never does stays as it
    is. Components of less than ``LEAST_MM3`` are discarded.
    """
    least = LEAST_MM3 / float(np.prod(spacing_mm))
    pieces = _pieces(depth > limit_mm, np.zeros(3, int))
    cores = [piece for piece in pieces if len(piece) >= least] or pieces
    usual_mm = float(np.median([_height_mm(core, spacing_mm) for core in cores]))
    most_mm = min(MOST_HEIGHT_RATIO * usual_mm, MOST_HEIGHT_MM) if len(cores) > 2 else MOST_HEIGHT_MM
    done = []
    waiting = [(core, limit_mm) for core in cores]
    while waiting:
        core, limit = waiting.pop()
        if _height_mm(core, spacing_mm) <= most_mm:
            done.append(core)
            continue
        first = core.min(axis=0)
        box = np.zeros(np.ptp(core, axis=0) + 1)
        box[tuple((core - first).T)] = depth[tuple(core.T)]
        for deeper in np.arange(limit + STEP_MM, box.max(), STEP_MM):
            parts = [part for part in _pieces(box > deeper, first) if len(part) >= least]
            if len(parts) > 1:
                waiting += [(part, float(deeper)) for part in parts]
                break
        else:
            done.append(core)
    return done


def _pieces(mask: NDArray[np.bool_], first: NDArray[np.int_]) -> list[NDArray[np.int_]]:
    """The indices (n, 3) of each connected piece of a mask whose first voxel is ``first``."""
    labels, _ = ndimage.label(mask)
    return [
        np.argwhere(labels[box] == piece) + [axis.start for axis in box] + first
        for piece, box in enumerate(ndimage.find_objects(labels), start=1)
    ]


def _height_mm(core: NDArray[np.int_], spacing_mm: NDArray[np.float64]) -> float:
    return float(np.ptp(core[:, 2]) * spacing_mm[2])


def _before_canal(classes: NDArray[np.integer], bone: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The bone in front of the canal; beyond its ends the canal is extended straight."""
    canal = classes == CANAL
    rows = np.flatnonzero(canal.any(axis=(0, 1)))
    if len(rows) < 2:
        return bone
    places = np.arange(classes.shape[1])[None, :, None]
    front = np.where(canal, places, -1).max(axis=(0, 1))[rows].astype(float)
    middle = front - np.array([np.ptp(np.flatnonzero(canal[:, :, row].any(axis=0))) for row in rows]) / 2
    line = np.interp(np.arange(classes.shape[2]), rows, (front + middle) / 2)
    ends = min(10, len(rows))
    for part, edge in ((slice(None, rows[0]), slice(None, ends)), (slice(rows[-1] + 1, None), slice(-ends, None))):
        slope, start = np.polyfit(rows[edge], front[edge], 1) if ends > 1 else (0.0, front[0])
        beyond = np.arange(classes.shape[2])[part]
        line[part] = start + slope * beyond
    return np.asarray(bone & (places >= line[None, None, :]))
