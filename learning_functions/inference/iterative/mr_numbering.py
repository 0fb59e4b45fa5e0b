"""Vertebrae in SPIDER's code: numbered from the bottom, and named only where the lowest level is declared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.counted_names import named_from
from learning_functions.inference.iterative.patch_prediction import Instance, are_truncated
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.truncation import truncation_note
from utility_functions.anatomy.centroids import body_centre
from utility_functions.anatomy.structures import (
    SPIDER_CANAL,
    SPIDER_MOST,
    SPIDER_PARTIAL,
    with_discs_and_canal,
)
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import SpiderMap


def numbered_findings(view: ScanView, found: Sequence[Instance]) -> StageFindings:
    """``numbered`` and ``completeness`` of the masks on the grid of the view's image.

    Discs and canal come from ``structures``, where an earlier model found them. Vertebrae that are truncated get
    SPIDER's label of partly visible ones. With the option ``truncated`` "drop" they are left out but counted, so that
    no other number or name changes. Where ``lowest`` is declared, the vertebrae are also named.
    """
    grid, options = view.image.grid, view.options
    chain = sorted(found, key=lambda one: _height_mm(one, grid))
    truncated = are_truncated(chain, grid, view.scan_grid)
    names = [f"vertebra {place}" for place, is_truncated in enumerate(truncated, start=1) if is_truncated]
    notes = [truncation_note(names, options.truncated)]
    if len(chain) > SPIDER_MOST:
        notes.append(f"SPIDER's code has numbers for only {SPIDER_MOST} vertebrae; those above are left out.")
    counted, completeness = np.zeros(grid.shape, np.uint8), {}
    retained = [options.truncated != "drop" or not is_truncated for is_truncated in truncated]
    for number, one in enumerate(chain[:SPIDER_MOST], start=1):
        if not retained[number - 1]:
            continue
        counted[one.box][one.mask & (counted[one.box] == 0)] = number
        completeness[str(number)] = float(one.complete)
    classes = view.findings.structures or LabelMap(np.zeros(grid.shape, np.uint8), grid)
    codes = np.arange(256, dtype=np.uint8)
    for number, is_truncated in enumerate(truncated[:SPIDER_MOST], start=1):
        codes[number] += SPIDER_PARTIAL * is_truncated
    numbered = SpiderMap(codes[with_discs_and_canal(LabelMap(counted, grid), classes).voxels], grid)
    findings = StageFindings(numbered=numbered, completeness=completeness).noting(*notes)
    return findings if options.lowest is None else named_from(findings, numbered, options.lowest)


def counted_centres(numbered: LabelMap) -> list[NDArray[np.float64]]:
    """The mean voxel of each vertebra of a map in SPIDER's code, from the bottom."""
    voxels = numbered.voxels
    numbers = np.where(voxels > SPIDER_CANAL, voxels.astype(int) - SPIDER_PARTIAL, voxels)
    return [
        np.argwhere(numbers == number).mean(axis=0) for number in range(1, SPIDER_MOST + 1) if (numbers == number).any()
    ]


def _height_mm(one: Instance, grid: Grid) -> float:
    return float(grid.to_mm(np.asarray(one.start) + body_centre(one.mask, grid.spacing_mm))[2])
