"""Named vertebrae from dense votes: a level regressed for every voxel of a detection mask, on an upright RAS grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.labels import VERSE_IDS, name_of_regressed_level
from utility_functions.anatomy.level_order import Run, best_runs
from utility_functions.anatomy.measures import DISK_DIAMETER_MM, usual_half_height_mm
from utility_functions.anatomy.targets import NUMBER_OF_LEVELS
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

SMALLEST_COMPONENT_MM3 = 3000.0
"""A piece of detection smaller than this is a stray."""
LARGEST_SIDE_STEP_MM = 45.0
"""How far beside the end of the spine the next piece of it may begin."""
FARTHEST_VOTE = 2.0
"""A vote two levels off or more is as bad as any."""
COST_OF_DROPPING = 1.5
"""What a voxel costs that is left out at either end of the chain, in levels."""
SMALLEST_PART = 0.5
"""A vertebra at either end is named when at least this share of its usual height is seen."""
WHOLE = 0.9
"""A vertebra at either end counts as uncut from this share of its usual height on."""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Named:
    """Levels found: centroids in RAS+ mm, a VerSe id per voxel, and the pieces of detection that were dropped."""

    landmarks: Landmarks
    instances: LabelMap
    strays: int = 0


def published_votes(levels: NDArray[np.float32], detection: LabelMap) -> Named:
    """The original's rule (McCouat & Glocker 2019): round(level) x detection; a level stays if it has more than
    max(0.4 diameter^3, 3000) mm^3; its centroid is the median of its voxels.
    """
    numbers = np.round(levels).astype(np.int16) * (detection.voxels > 0)
    voxel = detection.grid.voxel_volume_mm3
    found: dict[str, NDArray[np.float64]] = {}
    instances = np.zeros(numbers.shape, np.uint8)
    for number in range(1, NUMBER_OF_LEVELS + 1):
        name = name_of_regressed_level(number) or ""
        places = np.argwhere(numbers == number)
        if len(places) * voxel > max(0.4 * DISK_DIAMETER_MM[name] ** 3, SMALLEST_COMPONENT_MM3):
            found[name] = detection.grid.to_mm(np.median(places, axis=0))
            if name in VERSE_IDS:
                instances[tuple(places.T)] = VERSE_IDS[name]
    points = np.array(list(found.values())).reshape(-1, 3)
    return Named(Landmarks(tuple(found), points), detection.with_voxels(instances))


def ordered_votes(levels: NDArray[np.float32], detection: LabelMap) -> Named:
    """Each level once and in anatomical order: the runs of axial slices that agree best with all votes.

    levels: (x, y, z) the regressed level per voxel; detection: 1 where any vertebra is, on an upright RAS grid.
    Strays among the detected pieces are dropped first.
    """
    mask, strays = spine_of(detection)
    grid = detection.grid
    if not mask.any():
        return Named(Landmarks.empty(), detection.with_voxels(np.zeros(grid.shape, np.uint8)), strays)
    columns = np.flatnonzero(mask.any(axis=(0, 1)))[::-1]  # slices from the top down, gaps included
    slices = np.arange(columns[0], columns[-1] - 1, -1)
    runs = best_runs(_slice_costs(levels, mask, slices), grid.spacing_mm[2], COST_OF_DROPPING)
    found: dict[str, tuple[Points, float]] = {}
    instances = np.zeros(grid.shape, np.uint8)
    borders = _borders(levels, mask, slices, runs) if runs else np.zeros(0)
    for place, run in enumerate(runs):
        name = name_of_regressed_level(run.level) or ""
        lowest, highest = slices[run.stop - 1], slices[run.start]
        slab = mask[:, :, lowest : highest + 1]
        if not slab.any():
            continue
        votes = levels[:, :, lowest : highest + 1][slab]
        from_top = _centre_from_top(place, runs, borders, grid.spacing_mm[2])
        if from_top is not None:
            point = _centre(slab, lowest, slices[0] + 0.5 - from_top, detection)
            found[name] = (point, float(np.mean(np.abs(votes - run.level) < 0.5)))
        if name in VERSE_IDS:
            instances[:, :, lowest : highest + 1][slab] = VERSE_IDS[name]
    points = np.array([point for point, _ in found.values()]).reshape(-1, 3)
    scores = np.array([score for _, score in found.values()])
    return Named(Landmarks(tuple(found), points, scores), detection.with_voxels(instances), strays)


def spine_of(detection: LabelMap) -> tuple[NDArray[np.bool_], int]:
    """The detected pieces that can form one spine, and how many others there are.

    The largest piece is kept, then, the larger first, those that lie above or below what is kept and not far aside.
    """
    pieces, count = ndimage.label(detection.voxels > 0, np.ones((3, 3, 3)))
    mask = np.zeros(pieces.shape, bool)
    if not count:
        return mask, 0
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:] * detection.grid.voxel_volume_mm3
    boxes = ndimage.find_objects(pieces)
    spacing = np.asarray(detection.grid.spacing_mm)
    kept = 0
    for piece in np.argsort(-sizes, kind="stable"):
        if sizes[piece] < SMALLEST_COMPONENT_MM3:
            break
        box = boxes[piece]
        shape = pieces[box] == piece + 1
        if not kept or _continues(mask, shape, box, spacing):
            mask[box] |= shape
            kept += 1
    return mask, int(count - kept)


def _continues(mask: NDArray[np.bool_], shape: NDArray[np.bool_], box: tuple[slice, ...], spacing: NDArray) -> bool:
    """Whether a piece lies above or below all that is kept, its near end not far aside from theirs."""
    heights = np.flatnonzero(mask.any(axis=(0, 1)))
    bottom, top = box[2].start, box[2].stop - 1
    overlap = min(top, heights[-1]) - max(bottom, heights[0]) + 1
    if overlap > 0.5 * (top - bottom + 1):
        return False
    above = top > heights[-1]
    end = heights[-1] if above else heights[0]
    near = 0 if above else shape.shape[2] - 1
    own = np.argwhere(shape[:, :, near]).mean(axis=0) + np.array([box[0].start, box[1].start])
    other = np.argwhere(mask[:, :, end]).mean(axis=0)
    aside = np.linalg.norm((own - other) * spacing[:2])
    gap = max(0, (bottom - end) if above else (end - top)) * spacing[2]
    return bool(aside <= LARGEST_SIDE_STEP_MM + 0.5 * gap)


def _slice_costs(
    levels: NDArray[np.float32], mask: NDArray[np.bool_], slices: NDArray[np.int_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per slice and level the summed distance of the votes from that level; per slice the number of votes."""
    numbers = np.arange(1, NUMBER_OF_LEVELS + 1)
    costs = np.zeros((len(slices), NUMBER_OF_LEVELS))
    counts = np.zeros(len(slices))
    for place, z in enumerate(slices):
        votes = levels[:, :, z][mask[:, :, z]]
        counts[place] = len(votes)
        costs[place] = np.minimum(np.abs(votes[:, None] - numbers), FARTHEST_VOTE).sum(axis=0)
    return costs, counts


def _borders(levels: NDArray[np.float32], mask: NDArray[np.bool_], slices: NDArray[np.int_], runs: list[Run]) -> Points:
    """Where each run begins and the last one ends, in slices from the top, finer than a slice.

    From the middle of one level to the middle of the next, each slice counts to the upper one by how near its median
    vote is to it; the border lies below what adds up.
    """
    borders = [float(runs[0].start)]
    for upper, lower in pairwise(runs):
        first, last = (upper.start + upper.stop) // 2, (lower.start + lower.stop + 1) // 2
        above = 0.0
        for place in range(first, last):
            votes = levels[:, :, slices[place]][mask[:, :, slices[place]]]
            part = np.clip(lower.level - np.median(votes), 0, 1) if len(votes) else place < upper.stop
            above += float(part)
        borders.append(first + above)
    return np.array([*borders, float(runs[-1].stop)])


def _centre_from_top(place: int, runs: list[Run], borders: Points, spacing: float) -> float | None:
    """The centre of a run in slices from the top: its middle; for a cut one half a usual height from its whole end.

    None for an end vertebra of which too little is seen.
    """
    usual = 2 * usual_half_height_mm(name_of_regressed_level(runs[place].level) or "") / spacing
    top, bottom = borders[place], borders[place + 1]
    seen = (bottom - top) / usual
    first, last = place == 0, place == len(runs) - 1
    if not (first or last) or seen >= WHOLE or (first and last and seen >= SMALLEST_PART):
        return float((top + bottom) / 2)
    if seen < SMALLEST_PART:
        return None
    return float(bottom - usual / 2 if first else top + usual / 2)


def _centre(slab: NDArray[np.bool_], lowest: int, z: float, detection: LabelMap) -> Points:
    """The middle of the mask in the slices next to height ``z``, in mm."""
    wanted = np.clip(round(z) - lowest, 0, slab.shape[2] - 1)
    near = slab[:, :, max(wanted - 1, 0) : wanted + 2]
    places = np.argwhere((near if near.any() else slab).any(axis=2))
    return detection.grid.to_mm(np.array([*places.mean(axis=0), z]))
