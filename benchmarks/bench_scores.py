"""Scores of 25 vertebrae against distance maps of the whole scan by scipy, in turns, with the figures compared."""

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
IN_TURN = 2  # vertebrae that the plain way scores in one turn; it takes each one the same time
TOLERANCE = 1e-9


def column(rng: np.random.Generator) -> LabelMap:
    """25 ragged vertebrae, body and process, from the top down."""
    grid = Grid.from_spacing(SHAPE, SPACING_MM, axcodes="IPR")
    voxels = np.zeros(SHAPE, np.uint8)
    step = SHAPE[0] / len(NAMES)
    for place, name in enumerate(NAMES):
        middle = np.array((step * (place + 0.5), 60 + 10 * math.sin(place / 4), 75)) + rng.uniform(-1, 1, 3)
        low = np.maximum((middle - np.array((8, 30, 35))).astype(int), 0)
        high = np.minimum((middle + np.array((8, 62, 35))).astype(int), SHAPE)
        box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
        x, y, z = (axis - at for axis, at in zip(np.ogrid[box], middle, strict=True))
        ragged = ndimage.gaussian_filter(rng.normal(size=high - low), 2) * 1.5
        body = (x / 5) ** 4 + (y / 20) ** 2 + (z / 25) ** 2 < 1 + ragged
        process = (x / 4) ** 4 + ((y - 35) / 25) ** 2 + (z / 6) ** 2 < 1 + ragged
        voxels[box][(body | process) & (voxels[box] == 0)] = VERSE_IDS[name]
    return LabelMap(voxels, grid)


def by_whole_maps(first: NDArray[np.bool_], second: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> MaskScore:
    """One vertebra by the definition alone, with a distance map of the whole scan for each mask."""
    surface, other = (mask & ~ndimage.binary_erosion(mask) for mask in (first, second))
    there = ndimage.distance_transform_edt(~other, sampling=spacing_mm)[surface]
    back = ndimage.distance_transform_edt(~surface, sampling=spacing_mm)[other]
    both, either = np.count_nonzero(first & second), np.count_nonzero(first | second)
    return MaskScore(
        2 * both / (np.count_nonzero(first) + np.count_nonzero(second)),
        both / either,
        float(max(there.max(), back.max())),
        float(max(np.percentile(there, 95), np.percentile(back, 95))),
        float((there.sum() + back.sum()) / (there.size + back.size)),
    )


def apart(ours: MaskScore, plain: MaskScore) -> float:
    """How far the figures of one vertebra are apart at most."""
    return max(abs(value - vars(plain)[name]) for name, value in vars(ours).items())


def main() -> None:
    rng = np.random.default_rng(1)
    true = column(rng)
    predicted = true.with_voxels(np.roll(true.voxels, (1, -1, 1), axis=(0, 1, 2)))
    ours, plain, differences = [], [], []
    for repeat in range(REPEATS):
        started = time.perf_counter()
        score = score_instances("spine", predicted, true)
        ours.append((time.perf_counter() - started) / len(NAMES))
        for vertebra in score.vertebrae[repeat * len(NAMES) // REPEATS :][:IN_TURN]:
            started = time.perf_counter()
            expected = by_whole_maps(
                true.voxels == vertebra.label, predicted.voxels == vertebra.label, true.grid.spacing_mm
            )
            plain.append(time.perf_counter() - started)
            differences += [apart(vertebra.mask, expected)]
    each, whole = statistics.median(ours), statistics.median(plain)
    print(
        f"scores of {len(NAMES)} vertebrae in {SHAPE}: {1e3 * len(NAMES) * each:.0f} ms in boxes, "
        f"{len(NAMES) * whole:.1f} s by maps of the whole scan (from {len(plain)} of them), {whole / each:.0f}x "
        f"(floor {FLOOR}x), equal: {max(differences) <= TOLERANCE}"
    )


if __name__ == "__main__":
    main()
