"""Scores of 25 vertebrae, against distance maps of the whole scan by scipy, in turn; the figures are compared."""

from __future__ import annotations

import math
import statistics
import time

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from losses_and_metrics.instance_scores import score_instances
from utility_functions.anatomy.labels import USUAL_VERTEBRAE, VERSE_IDS
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.mask_scores import MaskScore

FLOOR = 5
SHAPE = (300, 150, 150)  # along the spine, front to back, left to right
SPACING_MM = (1.0, 0.8, 0.8)
NAMES = (*USUAL_VERTEBRAE, "L6")
REPEATS = 3
IN_TURN = 2  # vertebrae that the reference scores in one repeat; each takes the same time
TOLERANCE = 1e-9


def column(rng: np.random.Generator) -> LabelMap:
    """25 vertebrae with rough surfaces, body and process, from the top down."""
    grid = Grid.from_spacing(SHAPE, SPACING_MM, axcodes="IPR")
    voxels = np.zeros(SHAPE, np.uint8)
    step = SHAPE[0] / len(NAMES)
    for place, name in enumerate(NAMES):
        centre = np.array((step * (place + 0.5), 60 + 10 * math.sin(place / 4), 75)) + rng.uniform(-1, 1, 3)
        low = np.maximum((centre - np.array((8, 30, 35))).astype(int), 0)
        high = np.minimum((centre + np.array((8, 62, 35))).astype(int), SHAPE)
        box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
        x, y, z = (axis - at for axis, at in zip(np.ogrid[box], centre, strict=True))
        roughness = ndimage.gaussian_filter(rng.normal(size=high - low), 2) * 1.5
        body = (x / 5) ** 4 + (y / 20) ** 2 + (z / 25) ** 2 < 1 + roughness
        process = (x / 4) ** 4 + ((y - 35) / 25) ** 2 + (z / 6) ** 2 < 1 + roughness
        voxels[box][(body | process) & (voxels[box] == 0)] = VERSE_IDS[name]
    return LabelMap(voxels, grid)


def by_whole_maps(first: NDArray[np.bool_], second: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> MaskScore:
    """The scores of one vertebra by their definition, with a distance map of the whole scan for each mask."""
    surface, other = (mask & ~ndimage.binary_erosion(mask) for mask in (first, second))
    forward = ndimage.distance_transform_edt(~other, sampling=spacing_mm)[surface]
    backward = ndimage.distance_transform_edt(~surface, sampling=spacing_mm)[other]
    intersection, union = np.count_nonzero(first & second), np.count_nonzero(first | second)
    return MaskScore(
        2 * intersection / (np.count_nonzero(first) + np.count_nonzero(second)),
        intersection / union,
        float(max(forward.max(), backward.max())),
        float(max(np.percentile(forward, 95), np.percentile(backward, 95))),
        float((forward.sum() + backward.sum()) / (forward.size + backward.size)),
    )


def largest_difference(ours: MaskScore, reference: MaskScore) -> float:
    """The largest difference between the figures of one vertebra."""
    return max(abs(value - vars(reference)[name]) for name, value in vars(ours).items())


def main() -> None:
    rng = np.random.default_rng(1)
    true = column(rng)
    predicted = true.with_voxels(np.roll(true.voxels, (1, -1, 1), axis=(0, 1, 2)))
    ours, reference, differences = [], [], []
    for repeat in range(REPEATS):
        started = time.perf_counter()
        score = score_instances("spine", predicted, true)
        ours.append((time.perf_counter() - started) / len(NAMES))
        for vertebra in score.vertebrae[repeat * len(NAMES) // REPEATS :][:IN_TURN]:
            started = time.perf_counter()
            expected = by_whole_maps(
                true.voxels == vertebra.label, predicted.voxels == vertebra.label, true.grid.spacing_mm
            )
            reference.append(time.perf_counter() - started)
            differences.append(largest_difference(vertebra.mask, expected))
    each, whole = statistics.median(ours), statistics.median(reference)
    print(
        f"scores of {len(NAMES)} vertebrae in {SHAPE}: {1e3 * len(NAMES) * each:.0f} ms in boxes, "
        f"{len(NAMES) * whole:.1f} s by maps of the whole scan (timed on {len(reference)}), {whole / each:.0f}x "
        f"(floor {FLOOR}x), equal: {max(differences) <= TOLERANCE}"
    )


if __name__ == "__main__":
    main()
