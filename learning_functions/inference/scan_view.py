"""A scan as one network is shown it: the normalised image, what was found before, and how models are run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from learning_functions.options import InferenceOptions
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings

ImageAt = Callable[[Grid], Volume]
"""The normalised image on any upright grid."""


@dataclass(frozen=True, eq=False)
class ScanView:
    """What ``Task.predict`` is given of one scan.

    image: normalised, on an upright grid of the spec's spacing and orientation (left and right along the first axis,
        upwards along the third).
    padding_value: what stands in the image where the scan ends, normalised too.
    findings: everything known, the maps that the task reads on the image's grid.
    unplaced: the same with all maps on the grids that they were found on; None where nothing was moved.
    scan_grid: the scan's own grid, which tells where its borders are and what final maps lie on; None: the image's.
    statistics: what the naming decoder holds usual; None: what the package ships.
    image_at: the normalised image on any other upright grid.
    device: where the network runs.
    """

    image: Volume
    padding_value: float
    findings: Findings
    options: InferenceOptions = field(default_factory=InferenceOptions)
    scan_grid: Grid | None = None
    statistics: Statistics | None = None
    image_at: ImageAt | None = None
    device: InferenceDevice = PROCESSOR
    unplaced: Findings | None = None

    @property
    def target_grid(self) -> Grid:
        """The grid that final maps lie on."""
        return self.image.grid if self.scan_grid is None else self.scan_grid

    def having(self, **changes: Any) -> ScanView:
        """This view with some parts replaced."""
        return replace(self, **changes)
