"""The trail of a traversal: the position of each patch, what was predicted there, and the decision."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from utility_functions.geometry.grid import Grid

Position = tuple[float, float, float]

FOUND = "found"
"""The decision of a step whose mask was retained as a vertebra."""
MOVED = "moved"
"""The decision of a step after which the patch was centred on its prediction."""


@dataclass(frozen=True)
class Step:
    """One patch prediction.

    position: centre of the patch, in voxels or, once placed, in RAS+ mm.
    volume_mm3: volume of the prediction that is not yet in memory.
    decision: FOUND, MOVED, or in a word or two why nothing was retained.
    """

    position: Position
    volume_mm3: float
    decision: str


@dataclass(frozen=True)
class Trail:
    """All patch predictions of one traversal, in order.

    start: the kind of seeds ("centroids", "heat" or "corner"). ended: why it ended.
    discarded_predictions: number of predictions of other traversals of the same scan, which were not retained.
    second_pass_predictions: number of predictions of the second pass.
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
        """Number of predictions, those of discarded traversals included."""
        return len(self.steps) + self.discarded_predictions
