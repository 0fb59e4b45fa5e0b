"""Vertebrae as blocks, one above the other, and settings of instance samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learning_functions.task import Settings, load_task, settings_of
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.cases import Case, Scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

TASK = load_task("instances")
SPACING = 4.0
HIGH, APART, EDGE = 5, 7, 4
LUMBAR = ("T12", "L1", "L2", "L3", "L4", "L5")


def blocks(numbers: tuple[int, ...], edge: int = EDGE, flipped: bool = False) -> LabelMap:
    """Vertebrae as blocks one above the other, from the top down, ``edge`` voxels from the map's ends."""
    length = APART * (len(numbers) - 1) + HIGH + 2 * edge
    voxels = np.zeros((20, 20, length), np.int16)
    for place, number in enumerate(numbers):
        top = length - edge - place * APART
        voxels[6:14, 5:15, top - HIGH : top] = number
    made = LabelMap(voxels, Grid.from_spacing(voxels.shape, SPACING))
    return made.reoriented("PIR") if flipped else made


def scan_of(label_map: LabelMap, code: str = "verse") -> Scan:
    """Each vertebra is as bright as its label, so that a sample tells what it shows."""
    volume = Volume(label_map.voxels.astype(np.int16), label_map.grid)
    return Scan(Case("blocks", Path("blocks.nii.gz"), label_code=code), volume, None, label_map)


def verse(names: tuple[str, ...], **options: Any) -> Scan:
    return scan_of(blocks(tuple(VERSE_IDS[name] for name in names), **options))


def settings(count: int = 20, patch: tuple[int, int, int] = (16, 16, 24), **options: Any) -> Settings:
    small = settings_of(TASK, "small")
    spec = replace(small.spec, patch=patch, spacing_mm=(SPACING,) * 3)
    plain = {
        "memory_dropout": 0.0,
        "memory_roughness": 0.0,
        "memory_corruption": 0.0,
        "empty_fraction": 0.0,
        "empty_at_end": 0.0,
        "first_fraction": 0.0,
    }
    return small.changed(spec=spec, samples_per_scan=count).with_options(**(plain | options))
