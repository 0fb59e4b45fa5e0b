"""The trail of a traversal: where the patch stood, what it showed there and what was decided."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from utility_functions.geometry.grid import Grid

Position = tuple[float, float, float]

FOUND = "found"
"""The decision of a step whose mask was kept as a vertebra."""
MOVED = "moved"
"""The decision of a step after which the patch was centred on what it showed."""


@dataclass(frozen=True)
class Step:
    """One look of the network.

    position: centre of the patch, in voxels or, once placed, in RAS+ mm.
    volume_mm3: of what it showed and memory does not hold yet.
    decision: FOUND, MOVED, or in a word or two why nothing was kept.
    """

    position: Position
    volume_mm3: float
    decision: str


@dataclass(frozen=True)
class Trail:
    """All looks of one traversal, in order.

    start: what it started from ("centroids", "heat" or "corner"). ended: why it ended. discarded_predictions: how many more were
    taken by traversals of the same scan that were not kept. second_pass_predictions: how many to draw once more what was found.
    """

    direction: str
    start: str
    steps: tuple[Step, ...] = field(default_factory=tuple)
    ended: str = ""
    discarded_predictions: int = 0
    second_pass_predictions: int = 0

    def placed(self, grid: Grid) -> Trail:
        """The same trail with positions in RAS+ mm, of one whose positions are voxels of ``grid``."""
        points = [grid.to_mm(step.position).tolist() for step in self.steps]
        moved = [replace(step, position=(x, y, z)) for step, (x, y, z) in zip(self.steps, points, strict=True)]
        return replace(self, steps=tuple(moved))

    @property
    def predictions(self) -> int:
        """How often the network was asked on the way, by traversals that were not kept too."""
        return len(self.steps) + self.discarded_predictions
