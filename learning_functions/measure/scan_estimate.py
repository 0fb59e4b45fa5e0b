"""What measuring takes, told before it is taken: voxels, seconds and memory of each scan, and of a whole run."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from learning_functions.inference.pass_memory import FIXED_GB, beside_passes_gb, left_beside_scan, needed_gb
from learning_functions.measure.memory_room import USUAL_BYTES
from learning_functions.runtime.inference_devices import InferenceDevice
from utility_functions.anatomy.body_size import is_too_large
from utility_functions.files.cases import Case, require_sound_size
from utility_functions.files.images import bytes_while_read, read_grid
from utility_functions.geometry.grid import Grid

START_SECONDS = 9.0
"""To start TensorFlow and to load the networks."""
SCAN_SECONDS, SECONDS_PER_MILLION_VOXELS = 3.0, 0.035
"""Of each scan, to read it and to write its results."""
SECONDS_PER_LITRE, SECONDS_PER_MM = 0.06, 0.014
"""Of the networks: per litre of the scan, and per mm of its height, on PROCESSORS."""
PROCESSORS = 2
"""Of the machine that these figures are from (2026-12-01); more of them save time in networks alone, up to MOST."""
MOST_PROCESSORS = 16
LONG_SECONDS = 45.0
"""Shorter runs tell no estimate."""
MOST_TOLD = 10
"""Of more scans than this, the run alone is told of."""


@dataclass(frozen=True)
class ScanEstimate:
    """Of one scan: its voxels, about how many seconds it takes, and the most memory of the process in GB."""

    voxels: int
    seconds: float
    gb: float

    @classmethod
    def of(cls, grid: Grid, memory_gb: float, processors: int, on_gpu: bool = False) -> ScanEstimate:
        """From the grid in a header. on_gpu: whether networks take next to no time."""
        voxels, sides = math.prod(grid.shape), np.ptp(grid.corners_mm(), axis=0)
        networks = SECONDS_PER_LITRE * voxels * grid.voxel_volume_mm3 / 1e6 + SECONDS_PER_MM * float(sides[2])
        share = 0.1 if on_gpu else PROCESSORS / min(max(processors, 1), MOST_PROCESSORS)
        seconds = SCAN_SECONDS + SECONDS_PER_MILLION_VOXELS * voxels / 1e6 + share * networks
        passes = left_beside_scan(memory_gb, grid, USUAL_BYTES) - FIXED_GB
        return cls(voxels, seconds, min(FIXED_GB + passes + beside_passes_gb(grid, USUAL_BYTES), memory_gb))

    @property
    def in_words(self) -> str:
        return f"{count_in_words(self.voxels)} voxels, about {time_in_words(self.seconds)}, at most {self.gb:.1f} GB"


def require_memory(case: Case, memory_gb: float) -> None:
    """Raise a ValueError where a scan on disk cannot be measured within ``memory_gb``, before its voxels are read.

    A size above that of any body is told first, as a BrokenFile.
    """
    if case.phantom is not None or not case.has_image:
        return
    grid, (reading, held) = read_grid(case.image_path), bytes_while_read(case.image_path)
    if is_too_large(grid):  # the network's grid of a scan in metres would need all memory there is
        require_sound_size(case.image_path, grid)
    needed = max(needed_gb(grid, held), FIXED_GB + reading * math.prod(grid.shape) / 1e9)
    if needed > memory_gb:
        size = " x ".join(map(str, grid.shape))
        raise ValueError(
            f"{case.image_path}: its {size} voxels need {math.ceil(10 * needed) / 10:g} GB of main memory; allow so "
            f"much by --memory-gb, or crop the scan. Received: {memory_gb:g} GB."
        )


def estimates(
    cases: Sequence[Case], memory_gb: float, devices: Sequence[InferenceDevice]
) -> Mapping[str, ScanEstimate]:
    """The estimate of each scan on disk, by its id; none of phantoms, and of what cannot be read."""
    found, processors = {}, os.cpu_count() or 1
    on_gpu = any(device.memory_gb is not None for device in devices)
    for case in cases:
        if case.phantom is None and case.has_image:
            try:
                grid = read_grid(case.image_path)
                require_sound_size(case.image_path, grid)
            except (ValueError, OSError, RuntimeError):
                continue  # reading it tells why
            found[case.case_id] = ScanEstimate.of(grid, memory_gb / len(devices), processors, on_gpu)
    return found


def told_before(found: Mapping[str, ScanEstimate]) -> str:
    """What a run takes, in one line and, for few scans, one more for each; "" for a short run."""
    seconds = START_SECONDS + sum(each.seconds for each in found.values())
    if not found or seconds < LONG_SECONDS:
        return ""
    scans = f"{len(found)} scan{'s' * (len(found) > 1)}"
    most = max(each.gb for each in found.values())
    line = f"{scans}, about {time_in_words(seconds)}, at most {most:.1f} GB"
    each = [f"  {name}: {estimate.in_words}" for name, estimate in found.items()]
    return "\n".join([line, *each * (len(found) <= MOST_TOLD)]) + "\n"


def count_in_words(number: float) -> str:
    return f"{number / 1e6:.0f} million" if number >= 1e6 else f"{number:.0f}"


def time_in_words(seconds: float) -> str:
    """Seconds as "40 seconds", "2 minutes" or "3.5 hours", rounded as estimates are."""
    if seconds < 90:
        return f"{max(5 * round(seconds / 5), 5)} seconds"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
