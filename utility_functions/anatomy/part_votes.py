"""Named vertebrae from dense votes and the parts of the spine, along the curve of the spine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from utility_functions.anatomy.body_evidence import Bodies, mean_probabilities
from utility_functions.anatomy.centroid_refinement import refined
from utility_functions.anatomy.dense_targets import NUMBER_OF_LEVELS
from utility_functions.anatomy.labels import VERSE_IDS, regressed_level
from utility_functions.anatomy.level_order import LevelSlices, best_chain
from utility_functions.anatomy.parts import BODY, DISC, SACRUM, column_of
from utility_functions.anatomy.spine_sizes import usual_half_height_mm
from utility_functions.anatomy.votes import (
    COST_OF_DROPPING,
    FARTHEST_VOTE,
    SMALLEST_PART,
    WHOLE,
    Named,
    spine_of,
    visible_fraction,
    vote_costs,
)
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

STEP_MM = 2.0
"""Thickness of the slices across the curve of the spine."""
SMOOTHING_MM = 12.0
"""The curve follows the column this closely."""
BEYOND_MM = 30.0
"""The curve is extended straight by this much at either end, so that it passes the rest of the spine's ends."""
ROUNDS = 2
LEAST_HEIGHT = 2.0
"""A component lower than this many of its own widths has no measurable direction; its slices stay axial."""
SACRAL_WEIGHT = 1.5
"""Weight of a voxel of sacrum, where one of the column has weight 1."""
SACRAL_REACH_MM = 60.0
BORDER_WEIGHT = 0.4
"""Cost of a border between levels without a disc, as a fraction of the votes of one vertebra."""
FREE_DISC_FRACTION = 0.4
"""A border costs nothing in a slice with at least this fraction of disc."""
BORDER_WEIGHT_APART = 1.0
"""The same where a decoder names the separated bodies. Then discs determine where bodies end and votes what they are;
a border at a disc is rewarded by as much as one without a disc costs."""
USUAL_STEP_MM = 25.0
SACRAL_LEVEL = regressed_level("S1") or NUMBER_OF_LEVELS

Points = NDArray[np.float64]


def part_votes(
    levels: NDArray[np.float32],
    detection: LabelMap,
    level_probabilities: NDArray[np.float32] | None = None,
    variants: bool = False,
) -> Named:
    """Each level once and in anatomical order: the runs of slices across the spine that agree best with all evidence.

    levels: (x, y, z) the level per voxel; detection: the part per voxel (anatomy/parts.py), on an upright RAS grid;
    level_probabilities: (voxels, levels) of each voxel of the column, in order, where the network predicts them.
    variants: whether spines may have T13, no T12, L6 or no L5 (`level_order.best_chain`), with borders at the discs:
        for a decoder, which names the separated bodies.
    Bodies and discs vote for levels. Sacrum beside them is evidence for S1 and S2, and its absence evidence against
    them. Levels meet where discs are. Components of the column that fit no chain with the others are left out. Ids lie
    on bodies.
    """
    column = column_of(detection)
    every = column.voxels > 0
    costs_of_votes = vote_costs(levels[every], level_probabilities)
    mask, _, _, discarded = spine_of(costs_of_votes, column, variants)
    empty = column.with_voxels(np.zeros(column.grid.shape, np.uint8))
    if not mask.any():
        return Named(Landmarks.empty(), empty, discarded, Bodies.of([], [], []))
    voxels = np.argwhere(mask)
    places = column.grid.to_mm(voxels)
    line = centre_line(places, column.grid.spacing_mm)
    bins = _nearest(line, places)
    parts = detection.voxels[mask]
    sacral = np.bincount(
        _beside(line, detection.grid.to_mm(np.argwhere(detection.voxels == SACRUM))), minlength=len(line)
    )
    counts_of = np.bincount(bins, minlength=len(line))
    costs, counts = _costs(costs_of_votes[mask[every]], bins, sacral, len(line))
    first, last = np.flatnonzero(np.bincount(bins, minlength=len(line)))[[0, -1]]
    part = slice(first, last + 1)
    borders = _border_costs(bins, parts, len(line), variants)[first : last + 2]
    found = best_chain((costs[part], counts[part]), STEP_MM, COST_OF_DROPPING, borders, variants)
    runs = [LevelSlices(run.level, run.start + int(first), run.stop + int(first)) for run in found.runs]
    centres, scores, truncated = {}, [], {}
    evidence_of: list[tuple[NDArray[np.float64], float, float]] = []
    votes = levels[mask]
    column_probabilities = None if level_probabilities is None else level_probabilities[mask[every]]
    instances = empty.voxels.copy()
    for place, run in enumerate(runs):
        name = run.name
        own = (bins >= run.start) & (bins < run.stop)
        middle = _middle(place, runs)
        if middle is not None and own.any():
            at = int(np.clip(round(middle - 0.5), 1, len(line) - 2))
            centres[name] = line[at]
            if middle != (run.start + run.stop) / 2:
                along = line[at + 1] - line[at - 1]
                truncated[name] = along / np.linalg.norm(along)
            scores.append(float(np.mean(np.abs(votes[own] - run.number) < 0.5)))
            beside = np.minimum(sacral, counts_of)[run.start : run.stop].sum() / own.sum()
            own_probabilities = None if column_probabilities is None else column_probabilities[own]
            evidence_of.append(
                (
                    mean_probabilities(votes[own], own_probabilities),
                    visible_fraction(place, runs, STEP_MM),
                    float(beside),
                )
            )
        if name in VERSE_IDS:
            instances[tuple(voxels[own].T)] = VERSE_IDS[name]
    landmarks = Landmarks(tuple(centres), np.array(list(centres.values())).reshape(-1, 3), np.array(scores))
    bodies = Bodies.of(
        [s for s, _, _ in evidence_of], [seen for _, seen, _ in evidence_of], [near for *_, near in evidence_of]
    )
    named = Named(landmarks, empty.with_voxels(instances), discarded, bodies)
    return refined(named, mask & (detection.voxels == BODY), truncated)


def centre_line(places: Points, spacing_mm: Sequence[float]) -> Points:
    """The curve through a column of voxels (N, 3 in RAS+ mm), from its top down, a point every STEP_MM.

    spacing_mm: of the voxels; axial slices are the first guess at slices across the column.
    """
    x_mm, y_mm, step_mm = spacing_mm
    heights = np.round((places[:, 2].max() - places[:, 2]) / step_mm).astype(int)
    counts = np.bincount(heights)
    width_mm = 2 * np.sqrt(np.median(counts[counts > 0]) * x_mm * y_mm / np.pi)
    is_high = np.ptp(places[:, 2]) >= LEAST_HEIGHT * width_mm
    line = _resampled(_smooth(places, heights, SMOOTHING_MM / step_mm))
    for _ in range(ROUNDS if is_high else 0):
        line = _resampled(_smooth(places, _nearest(line, places), SMOOTHING_MM / STEP_MM))
    return line


def _smooth(places: Points, bins: NDArray[np.int_], width: float) -> Points:
    """The middle of each slice, smoothed along the column; slices without voxels take part by their neighbours."""
    used = np.arange(bins.min(), bins.max() + 1)
    counts = np.bincount(bins, minlength=used[-1] + 1)[used].astype(float)
    means = [
        np.bincount(bins, places[:, axis], minlength=used[-1] + 1)[used] / np.maximum(counts, 1) for axis in range(3)
    ]
    # a slice of few voxels counts little, all others alike; where all is empty nothing is left
    weights = np.minimum(counts / np.median(counts[counts > 0]), 1.0)
    spread = gaussian_filter1d(weights, width, mode="constant")
    smoothed = [gaussian_filter1d(mean * weights, width, mode="constant") / np.maximum(spread, 1e-9) for mean in means]
    line = np.stack(smoothed, axis=1)[spread > 1e-6]
    up = np.array([0.0, 0.0, 1.0])
    return line if len(line) > 1 else np.vstack([line + up, line - up])


def _resampled(line: Points) -> Points:
    """A point every STEP_MM along a curve that is extended straight at both ends."""
    reach = max(2, min(len(line) // 3, 10))
    ends = []
    for near, far in ((line[0], line[min(reach, len(line) - 1)]), (line[-1], line[max(-1 - reach, -len(line))])):
        direction = (near - far) / max(float(np.linalg.norm(near - far)), 1e-6)
        ends.append(near + BEYOND_MM * direction)
    whole = np.vstack([ends[0], line, ends[1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(whole, axis=0), axis=1))])
    wanted = np.arange(0.0, along[-1], STEP_MM)
    return np.stack([np.interp(wanted, along, whole[:, axis]) for axis in range(3)], axis=1)


def _nearest(line: Points, places: Points) -> NDArray[np.int_]:
    return np.asarray(cKDTree(line).query(places)[1], int)


def _beside(line: Points, places: Points) -> NDArray[np.int_]:
    """The slices of the places that lie within reach of the curve."""
    if not len(places):
        return np.zeros(0, int)
    away, bins = cKDTree(line).query(places)
    return np.asarray(bins[away < SACRAL_REACH_MM], int)


def _costs(
    costs_of_votes: NDArray[np.float32], bins: NDArray[np.int_], sacral: NDArray[np.int_], slices: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per slice and level the summed costs of the votes, and their number; sacrum has at most as many as the column."""
    numbers = np.arange(1, NUMBER_OF_LEVELS + 1)
    columns = np.bincount(bins, minlength=slices).astype(float)
    costs: NDArray[np.float64] = np.stack(
        [np.bincount(bins, of_level, minlength=slices) for of_level in costs_of_votes.T], axis=1
    )
    above_sacrum = np.clip(SACRAL_LEVEL - numbers, 0, FARTHEST_VOTE)
    speaking = np.minimum(sacral, columns)
    costs += SACRAL_WEIGHT * (speaking[:, None] * above_sacrum + (columns - speaking)[:, None] * (above_sacrum == 0))
    return costs, np.asarray(columns + SACRAL_WEIGHT * speaking, float)


def _border_costs(bins: NDArray[np.int_], parts: NDArray[np.uint8], slices: int, apart: bool) -> NDArray[np.float64]:
    """Cost of a border between levels above each slice, and below the last: zero where discs are, or below zero where
    bodies are separated first and named later (``apart``)."""
    column = np.bincount(bins, minlength=slices).astype(float)
    discs = np.bincount(bins, parts == DISC, minlength=slices)
    beside = np.pad(np.divide(discs, column, out=np.zeros_like(discs), where=column > 0), 1)
    shown = np.clip(np.maximum(beside[:-1], beside[1:]) / FREE_DISC_FRACTION, 0, 1)
    price = BORDER_WEIGHT_APART * (1 - 2 * shown) if apart else BORDER_WEIGHT * (1 - shown)
    return np.asarray(price * column[column > 0].mean() * USUAL_STEP_MM / STEP_MM)


def _middle(place: int, runs: list[LevelSlices]) -> float | None:
    """The middle of a run in slices; of a truncated one at either end half a usual height from its whole end.

    None for an end vertebra of which too little is in the field of view.
    """
    run = runs[place]
    usual = 2 * usual_half_height_mm(run.name) / STEP_MM
    seen = (run.stop - run.start) / usual
    first, last = place == 0, place == len(runs) - 1
    if not (first or last) or seen >= WHOLE or (first and last and seen >= SMALLEST_PART):
        return (run.start + run.stop) / 2
    if seen < SMALLEST_PART:
        return None
    return run.stop - usual / 2 if first else run.start + usual / 2
