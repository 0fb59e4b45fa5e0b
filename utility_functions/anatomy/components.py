"""Single vertebrae, discs and the canal out of a map of classes: the simple way, by components of the bodies."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.structures import (
    CANAL,
    SPIDER_MOST,
    STRUCTURES,
    VERTEBRA,
    with_discs_and_canal,
)
from utility_functions.geometry.volume import LabelMap

CORE_MM = 2.5
"""Bodies that touch each other in a thin bridge are told apart once this much is taken off their surface."""
LEAST_SHARE = 0.2
"""A core smaller than this share of the median one is a spur or a scrap."""
LEAST_MM3 = 150.0


def numbered_spine(structures: LabelMap) -> LabelMap:
    """A map in SPIDER's code: vertebrae 1.. from the bottom, 100 the canal, 201.. the discs below each vertebra.

    structures: codes of anatomy/structures.py on any grid. Bodies, which lie before the canal, are parted by their
    components; what is left of the vertebrae goes to the body that is nearest along the bone. Without a vertebra the
    canal alone is numbered.
    """
    turned = structures.reoriented("RAS")
    cleaned = LabelMap(without_scraps(turned), turned.grid)
    counted = LabelMap(_counted(cleaned), turned.grid)
    return with_discs_and_canal(counted, cleaned).reoriented(structures.grid.axcodes)


def without_scraps(structures: LabelMap, least_mm3: float = LEAST_MM3) -> NDArray[np.uint8]:
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
    spacing = structures.grid.spacing_mm
    body = _before_canal(structures.voxels, bone)
    body = body if body.any() else bone
    depth = ndimage.distance_transform_edt(np.pad(body, 1, mode="edge"), sampling=spacing)[1:-1, 1:-1, 1:-1]
    parts, count = ndimage.label(depth > min(CORE_MM, 0.5 * float(depth.max())))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    kept = np.flatnonzero(sizes >= LEAST_SHARE * np.median(sizes[sizes >= 0.1 * sizes.max()])) + 1
    heights = ndimage.center_of_mass(np.ones(parts.shape, np.uint8), parts, kept)
    numbers = np.zeros(count + 1, np.uint8)
    for number, place in enumerate(np.argsort([height[2] for height in heights])[:SPIDER_MOST], start=1):
        numbers[kept[place]] = number
    return numbers[parts]


def _before_canal(classes: NDArray[np.integer], bone: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The bone that lies before the front of the canal, whose course goes on straight beyond its ends."""
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
