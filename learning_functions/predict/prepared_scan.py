"""A scan prepared once for all models: stored intensities, padding value, normalisation and resampled images."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

import numpy as np

from learning_functions.inference.pass_memory import left_beside_scan
from learning_functions.inference.scan_view import ScanView
from learning_functions.options import InferenceOptions
from learning_functions.preprocessing import region_of_interest, storable
from learning_functions.spec import Spec, padding_value_of
from learning_functions.task import Settings, Task
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.quarter_turns import turned
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings

MOST_KEPT = 3
"""The most resampled images in memory; networks of one spacing share theirs."""

Stored = tuple[bool, float]


class PreparedScan:
    """One scan, and what models need of it, each computed once.

    Intensity statistics exclude the padding around the scanned region.
    """

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._stored: dict[Stored, Volume] = {}
        self._padding: dict[Stored, float] = {}
        self._figures: dict[tuple[str, tuple[float, float], Stored], tuple[float, float]] = {}
        self._resampled: list[tuple[Stored, Volume]] = []
        self._boxes: dict[Hashable, Grid | None] = {}

    @property
    def grid(self) -> Grid:
        """The grid of the scan in this orientation."""
        return self.volume.grid

    def turned(self, turns: int) -> PreparedScan:
        """The scan after quarter turns about the vertical axis; it keeps the intensity statistics."""
        if turns % 4 == 0:
            return self
        other = PreparedScan(turned(self.volume, turns))
        other._stored = {key: turned(stored, turns) for key, stored in self._stored.items()}
        other._padding, other._figures = self._padding, self._figures
        return other

    def make_ready(self, task: Task, settings: Settings, findings: Findings, box: Grid | None = None) -> None:
        """Resample and measure the scan for a network of these settings now, so that ``view`` finds it done."""
        self._on(settings.spec, task.shown(box or self.whole(settings), findings), keep=True)
        self.figures(settings.spec)

    def whole(self, settings: Settings) -> Grid:
        """The grid of a network of these settings over all that it takes of the scan."""
        return settings.grid_of(region_of_interest(self.volume, settings).grid)

    def box_once(self, key: Hashable, find: Callable[[], Grid | None]) -> Grid | None:
        """The box that ``find`` finds in this scan, found once for each ``key``."""
        if key not in self._boxes:
            self._boxes[key] = find()
        return self._boxes[key]

    def view(
        self,
        task: Task,
        settings: Settings,
        findings: Findings,
        options: InferenceOptions,
        statistics: Statistics | None = None,
        box: Grid | None = None,
    ) -> ScanView:
        """The scan and the findings so far, as the inputs of a network of these settings.

        box: the part of its grid that is shown; None: all of it.
        """
        grid = task.shown(box or self.whole(settings), findings)
        return ScanView(
            image=self.image(settings.spec, grid),
            padding_value=self.normalised_padding(settings.spec),
            findings=findings,
            options=replace(
                options, memory_gb=left_beside_scan(options.memory_gb, self.grid, self.volume.voxels.dtype.itemsize)
            ),
            scan_grid=self.grid,
            statistics=statistics,
            image_at=lambda finer: self.image(settings.spec, finer, keep=False),
        )

    def image(self, spec: Spec, grid: Grid, keep: bool = True) -> Volume:
        """The image on ``grid``, normalised by the spec, float32."""
        image = self._on(spec, grid, keep)
        return image.with_voxels(spec.normalise(image.voxels, *self.figures(spec)))

    def figures(self, spec: Spec) -> tuple[float, float]:
        """Offset and scale that normalise the scan's intensities by the spec."""
        key = (spec.intensity, spec.window, _stored_as(spec))
        if key not in self._figures:
            self._figures[key] = spec.offset_and_scale(self.stored(spec).voxels)
        return self._figures[key]

    def normalised_padding(self, spec: Spec) -> float:
        """The padding value after normalising."""
        return float(spec.normalise(np.array(self.padding_value(spec)), *self.figures(spec)))

    def padding_value(self, spec: Spec) -> float:
        """The intensity outside the scan, before normalising."""
        key = _stored_as(spec)
        if key not in self._padding:
            self._padding[key] = padding_value_of(self.stored(spec).voxels)
        return self._padding[key]

    def stored(self, spec: Spec) -> Volume:
        """The scan with intensities as samples store them."""
        key = _stored_as(spec)
        if key not in self._stored:
            self._stored[key] = storable(self.volume, spec)
        return self._stored[key]

    def _on(self, spec: Spec, grid: Grid, keep: bool) -> Volume:
        key = _stored_as(spec)
        for known, image in self._resampled:
            if known == key and image.grid.shape == grid.shape and image.grid.same_as(grid, tolerance_voxels=1e-6):
                return image
        image = resample(self.stored(spec), grid, fill=self.padding_value(spec))
        if keep:
            self._resampled = [*self._resampled, (key, image)][-MOST_KEPT:]
        return image


def _stored_as(spec: Spec) -> Stored:
    """What the stored intensities depend on; where a fixed window normalises, they are the original ones."""
    by_window = spec.intensity == "window"
    return by_window, 0.0 if by_window else spec.flatten_mm
