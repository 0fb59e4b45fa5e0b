"""Named vertebrae from dense votes: a level regressed for every voxel of a detection mask, on an upright RAS grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.body_evidence import Bodies, mean_probabilities
from utility_functions.anatomy.dense_targets import NUMBER_OF_LEVELS
from utility_functions.anatomy.labels import VERSE_IDS, name_of_regressed_level
from utility_functions.anatomy.level_order import LevelOrder, LevelSlices, best_chain
from utility_functions.anatomy.spine_sizes import DISK_DIAMETER_MM, STEP_MM, usual_half_height_mm
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

SMALLEST_COMPONENT_MM3 = 3000.0
"""A component of the detection smaller than this is discarded."""
LARGEST_SIDE_STEP_MM = 45.0
"""Greatest lateral distance between the end of the spine and the start of its next component."""
MOST_PIECES = 12
"""At most this many components of the detection are considered, the largest ones."""
FARTHEST_ASIDE_MM = 20.0
"""A voxel farther from the median position of its slice is not part of the vertebral body."""
FARTHEST_VOTE = 2.0
"""Distance in levels at which the cost of a vote is clipped."""
COST_OF_DROPPING = 1.5
"""Cost, in levels, of a voxel that is left out at either end of the chain."""
SMALLEST_PART = 0.5
"""A vertebra at either end is named when at least this fraction of its usual height is in the field of view."""
WHOLE = 0.9
"""A vertebra at either end counts as whole from this fraction of its usual height on."""

LAST_STEP_MM = STEP_MM["L5", "S1"]
"""The step to the sacrum from whatever lies above it."""

Points = NDArray[np.float64]


_NUMBERS = np.arange(1, NUMBER_OF_LEVELS + 1)
_APART = np.minimum(np.abs(_NUMBERS[:, None] - _NUMBERS), FARTHEST_VOTE).astype(np.float32)


def vote_costs(
    votes: NDArray[np.float32], level_probabilities: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Cost of each level at each voxel (voxels, levels): the distance to its vote in levels, FARTHEST_VOTE at most.

    votes: a level per voxel; level_probabilities: (voxels, levels) give the expected distance instead.
    """
    if level_probabilities is not None:
        return np.asarray(level_probabilities @ _APART, np.float32)
    return np.asarray(np.minimum(np.abs(votes[:, None] - _NUMBERS), FARTHEST_VOTE), np.float32)


@dataclass(frozen=True)
class Named:
    """Levels found: centroids in RAS+ mm, a VerSe id per voxel, and the pieces of detection that were dropped.

    bodies: the evidence of each landmark, in their order, where a decoder can name them.
    """

    landmarks: Landmarks
    instances: LabelMap
    discarded: int = 0
    bodies: Bodies | None = None


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


def ordered_votes(
    levels: NDArray[np.float32],
    detection: LabelMap,
    level_probabilities: NDArray[np.float32] | None = None,
    variants: bool = False,
) -> Named:
    """Each level once and in anatomical order: the runs of axial slices that agree best with all votes.

    levels: (x, y, z) the level per voxel; detection: 1 where any vertebra is, on an upright RAS grid.
    level_probabilities: (voxels, levels) of each detected voxel, in order, where the network predicts them.
    variants: whether spines may have T13, no T12, L6 or no L5 (`level_order.best_chain`).
    Detected components that fit no chain with the others are left out.
    """
    mask, slices, runs, discarded = spine_of(
        vote_costs(levels[detection.voxels > 0], level_probabilities), detection, variants
    )
    grid = detection.grid
    row = np.cumsum(detection.voxels > 0).reshape(grid.shape) - 1
    found: dict[str, tuple[Points, float]] = {}
    evidence_of: list[tuple[NDArray[np.float64], float]] = []
    instances = np.zeros(grid.shape, np.uint8)
    borders = _borders(levels, mask, slices, runs) if runs else np.zeros(0)
    for place, run in enumerate(runs):
        name = run.name
        lowest, highest = slices[run.stop - 1], slices[run.start]
        slab = mask[:, :, lowest : highest + 1]
        if not slab.any():
            continue
        votes = levels[:, :, lowest : highest + 1][slab]
        from_top = _centre_from_top(place, runs, borders, grid.spacing_mm[2])
        if from_top is not None:
            point = _centre(slab, lowest, slices[0] + 0.5 - from_top, detection)
            found[name] = (point, float(np.mean(np.abs(votes - run.number) < 0.5)))
            own = None if level_probabilities is None else level_probabilities[row[:, :, lowest : highest + 1][slab]]
            evidence_of.append((mean_probabilities(votes, own), visible_fraction(place, runs, grid.spacing_mm[2])))
        if name in VERSE_IDS:
            instances[:, :, lowest : highest + 1][slab] = VERSE_IDS[name]
    points = np.array([point for point, _ in found.values()]).reshape(-1, 3)
    scores = np.array([score for _, score in found.values()])
    bodies = Bodies.of([each for each, _ in evidence_of], [seen for _, seen in evidence_of])
    return Named(Landmarks(tuple(found), points, scores), detection.with_voxels(instances), discarded, bodies)


def visible_fraction(place: int, runs: list[LevelSlices], step_mm: float) -> float:
    """The fraction of a run's usual height in the field of view, for the first and the last; all between are whole."""
    if place not in (0, len(runs) - 1):
        return 1.0
    usual = 2 * usual_half_height_mm(runs[place].name) / step_mm
    seen = (runs[place].stop - runs[place].start) / usual
    return 1.0 if seen >= WHOLE else seen


def spine_of(
    costs: NDArray[np.float32], detection: LabelMap, variants: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.int_], list[LevelSlices], int]:
    """The components that form one spine, their slices from the top down, its runs, and the number of other components.

    The component whose votes make the best chain of levels comes first. Others belong to the spine when they lie above,
    below or between the retained ones, not far aside, and the best chain explains more with them than without.
    costs: (voxels, levels) those of each detected voxel, in order.
    """
    row = np.cumsum(detection.voxels > 0).reshape(detection.voxels.shape) - 1
    pieces, count = ndimage.label(detection.voxels > 0, np.ones((3, 3, 3)))
    kept = np.zeros(pieces.shape, bool)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:] * detection.grid.voxel_volume_mm3
    order = np.argsort(-sizes, kind="stable")[:MOST_PIECES]
    boxes = ndimage.find_objects(pieces)
    spacing = detection.grid.spacing_mm[2]
    votes = {}
    for piece in (int(piece) for piece in order if sizes[piece] >= SMALLEST_COMPONENT_MM3):
        own = pieces[boxes[piece]] == piece + 1
        votes[piece] = _slice_costs(costs[row[boxes[piece]][own]], own, boxes[piece][2], kept.shape)
    gains = {piece: _chain(own, spacing, variants).gain for piece, own in votes.items()}
    total, chain, chosen = (
        (np.zeros((kept.shape[2], NUMBER_OF_LEVELS)), np.zeros(kept.shape[2])),
        LevelOrder([], 0.0),
        0,
    )
    for piece in sorted(gains, key=lambda piece: -gains[piece]):
        shape = pieces[boxes[piece]] == piece + 1
        if chosen and not _continues(kept, shape, boxes[piece], np.asarray(detection.grid.spacing_mm)):
            continue
        joined = (total[0] + votes[piece][0], total[1] + votes[piece][1])
        longer = _chain(joined, spacing, variants)
        if longer.gain > chain.gain:
            total, chain, chosen = joined, longer, chosen + 1
            kept[boxes[piece]] |= shape
    return kept, np.arange(kept.shape[2])[::-1], chain.runs, int(count - chosen)


def _continues(mask: NDArray[np.bool_], shape: NDArray[np.bool_], box: tuple[slice, ...], spacing: NDArray) -> bool:
    """Whether a component lies above, below or between the retained ones, and not far aside from the nearest one."""
    taken = np.asarray(mask.any(axis=(0, 1)))
    bottom, top = box[2].start, box[2].stop - 1
    if taken[bottom : top + 1].sum() > 0.5 * (top - bottom + 1):
        return False
    for end, near, others in (
        (top, shape.shape[2] - 1, np.flatnonzero(taken[top:]) + top),
        (bottom, 0, np.flatnonzero(taken[: bottom + 1])[::-1]),
    ):
        if not len(others):
            continue
        own = np.argwhere(shape[:, :, near]).mean(axis=0) + np.array([box[0].start, box[1].start])
        aside = np.linalg.norm((own - np.argwhere(mask[:, :, others[0]]).mean(axis=0)) * spacing[:2])
        if aside > LARGEST_SIDE_STEP_MM + 0.5 * abs(others[0] - end) * spacing[2]:
            return False
    return True


def _chain(votes: tuple[NDArray[np.float64], NDArray[np.float64]], spacing_mm: float, variants: bool) -> LevelOrder:
    """The best chain between the first and the last slice that hold votes."""
    costs, counts = votes
    first, last = np.flatnonzero(counts)[[0, -1]]
    seen = costs[first : last + 1], counts[first : last + 1]
    found = best_chain(seen, spacing_mm, COST_OF_DROPPING, variants=variants)
    return LevelOrder(
        [LevelSlices(run.level, run.start + int(first), run.stop + int(first)) for run in found.runs], found.gain
    )


def _slice_costs(
    own: NDArray[np.float32], mask: NDArray[np.bool_], place: slice, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per slice of the scan, from the top down, and level the summed costs of a component's voxels; and their number.

    own: costs of the voxels of ``mask``, the component in its box; place: its position along the scan's last axis.
    """
    rows = shape[2] - 1 - (place.start + np.nonzero(mask)[2])
    counts = np.bincount(rows, minlength=shape[2])
    costs = np.stack([np.bincount(rows, of_level, minlength=shape[2]) for of_level in own.T], axis=1)
    return np.asarray(costs, float), np.asarray(counts, float)


def _borders(
    levels: NDArray[np.float32], mask: NDArray[np.bool_], slices: NDArray[np.int_], runs: list[LevelSlices]
) -> Points:
    """Where each run begins and the last one ends, in slices from the top, finer than a slice.

    From the middle of one level to the middle of the next, each slice counts towards the upper one by how near its
    median vote is to it; the border lies below the sum of these counts.
    """
    borders = [float(runs[0].start)]
    for upper, lower in pairwise(runs):
        first, last = (upper.start + upper.stop) // 2, (lower.start + lower.stop + 1) // 2
        above = 0.0
        for place in range(first, last):
            votes = levels[:, :, slices[place]][mask[:, :, slices[place]]]
            part = np.clip(lower.number - np.median(votes), 0, 1) if len(votes) else place < upper.stop
            above += float(part)
        borders.append(first + above)
    return np.array([*borders, float(runs[-1].stop)])


def _centre_from_top(place: int, runs: list[LevelSlices], borders: Points, spacing: float) -> float | None:
    """The centre of a run in slices from the top: between the midpoints to its neighbours, nearer to the nearer one;
    the middle of the first and the last run; for a truncated one half a usual height from its whole end.

    None for an end vertebra of which too little is in the field of view.
    """
    name = runs[place].name
    usual = 2 * usual_half_height_mm(name) / spacing
    top, bottom = borders[place], borders[place + 1]
    seen = (bottom - top) / usual
    first, last = place == 0, place == len(runs) - 1
    if not (first or last):
        above = STEP_MM.get((runs[place - 1].name, name), LAST_STEP_MM)
        below = STEP_MM.get((name, runs[place + 1].name), LAST_STEP_MM)
        return float(top + (bottom - top) * above / (above + below))
    if seen >= WHOLE or (first and last and seen >= SMALLEST_PART):
        return float((top + bottom) / 2)
    if seen < SMALLEST_PART:
        return None
    return float(bottom - usual / 2 if first else top + usual / 2)


def _centre(slab: NDArray[np.bool_], lowest: int, z: float, detection: LabelMap) -> Points:
    """The middle of the mask in the slices next to height ``z``, in mm; voxels far aside are ignored."""
    wanted = np.clip(round(z) - lowest, 0, slab.shape[2] - 1)
    near = slab[:, :, max(wanted - 1, 0) : wanted + 2]
    places = np.argwhere(near if near.any() else slab)[:, :2]
    away = (places - np.median(places, axis=0)) * detection.grid.spacing_mm[:2]
    inside = np.linalg.norm(away, axis=1) <= FARTHEST_ASIDE_MM
    middle = (places[inside] if inside.any() else places).mean(axis=0)
    return detection.grid.to_mm(np.array([*middle, z]))
