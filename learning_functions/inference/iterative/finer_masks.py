"""Refinement of masks: each vertebra is segmented again, by the same network, at a finer spacing."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from scipy import ndimage

from learning_functions.inference.iterative.iterative_segmenter import patch_predictor
from learning_functions.inference.iterative.patch_prediction import largest_piece
from learning_functions.inference.iterative.seeds import UP, lattice
from learning_functions.inference.scan_view import ImageAt, ScanView
from learning_functions.task import Settings
from learning_functions.task_options.instance_options import InstanceOptions
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE, name_of_verse_id
from utility_functions.geometry.boxes import box_around, overlap, part_of
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import VertebraMap

MARGIN_VOXELS = 2
"""A refined mask reaches at most this many coarse voxels beyond the coarse one."""
LEAST_FRACTION, MOST_FRACTION = 0.5, 1.5
"""A refined mask is discarded if its volume is not within these fractions of the coarse one."""


def refined(
    network: Any,
    settings: Settings[InstanceOptions],
    view: ScanView,
    found: StageFindings,
) -> StageFindings:
    """The findings with ``instances`` refined at ``refine_mm``, on the scan's grid, where that succeeds.

    found: with ``instances`` of the traversal, on its own grid. Each vertebra, in the direction of traversal, is
    predicted in patches over its box, with all before it as memory. Masks are resampled by nearest neighbour. A network
    that has segmented them in a second pass (option ``second_pass``) gets no prompt here, because it learnt prompts at
    one place of the patch.
    """
    spacing_mm = settings.options.refine_mm
    coarse = found.instances
    if coarse is None or spacing_mm is None or view.image_at is None:
        return found
    target = view.target_grid
    ids = [VERSE_IDS[name] for name in VERTEBRAE if (coarse.voxels == VERSE_IDS[name]).any()]
    voxels = resample(coarse, target).voxels.copy()
    unrefined = []
    before: list[int] = []
    landmarks = None if settings.options.second_pass else found.landmarks
    for number in ids if settings.options.direction != UP else ids[::-1]:
        finer = _finer(
            network, settings, spacing_mm, view.image_at, coarse, number, before, view.padding_value, landmarks
        )
        before.append(number)
        if finer is None:
            unrefined.append(number)
            continue
        box = box_around(finer.grid, target)
        part = resample(finer, part_of(target, box)).voxels > 0
        voxels[voxels == number] = 0
        voxels[box][part & (voxels[box] == 0)] = number
    if unrefined:
        names = [name for name in VERTEBRAE if VERSE_IDS[name] in unrefined]
        found = found.noting(f"Masks not refined, left at the coarse spacing: {', '.join(names)}.")
    return found.having(instances=VertebraMap(voxels, target))


def _finer(
    network: Any,
    settings: Settings[InstanceOptions],
    spacing_mm: tuple[float, float, float],
    image_at: ImageAt,
    coarse: LabelMap,
    number: int,
    before: list[int],
    padding: float,
    landmarks: Landmarks | None = None,
) -> LabelMap | None:
    """One vertebra in its box at the finer spacing; None where the network fails there.

    landmarks: the network is prompted with the vertebra's own, if it takes prompts.
    """
    patch = np.asarray(settings.spec.patch)
    box = ndimage.find_objects((coarse.voxels == number).astype(np.uint8))[0]
    first = np.array([axis.start for axis in box]) - MARGIN_VOXELS
    shape = np.array([axis.stop - axis.start for axis in box]) + 2 * MARGIN_VOXELS
    window = coarse.window(first, shape)
    grid = window.grid.resampled(spacing_mm)
    edge = patch // 2 + 1  # patches reach no farther beyond the box
    around = grid.padded(edge, edge)
    memory = resample(coarse.with_voxels(np.isin(coarse.voxels, before).astype(np.uint8)), around)
    dilated = ndimage.binary_dilation(window.voxels == number, iterations=MARGIN_VOXELS)
    allowed = resample(window.with_voxels(dilated.astype(np.uint8)), grid).voxels > 0
    name = name_of_verse_id(number)
    target = around.to_index(landmarks.point(name)) if landmarks is not None and name and name in landmarks else None
    predict_patch = patch_predictor(network, settings, image_at(around), padding)
    total, predictions = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    for centre in product(*(lattice(size, width) for size, width in zip(grid.shape, patch, strict=True))):
        corner = np.rint(np.asarray(centre) - (patch - 1) / 2).astype(int)
        x, y, z = (int(n) for n in corner + edge)
        mask = np.asarray(predict_patch((x, y, z), memory.window((x, y, z), patch).voxels, target).mask, np.float32)
        inside, part = overlap(corner, patch, grid.shape)
        total[inside] += mask[part]
        predictions[inside] += 1
    inner, _ = overlap(edge, grid.shape, memory.grid.shape)
    free = (memory.voxels[inner] == 0) & allowed
    found = largest_piece((total >= settings.options.threshold * np.maximum(predictions, 1)) & free)
    fraction = found.sum() * grid.voxel_volume_mm3 / ((coarse.voxels == number).sum() * coarse.grid.voxel_volume_mm3)
    return LabelMap(found.astype(np.uint8), grid) if LEAST_FRACTION <= fraction <= MOST_FRACTION else None
