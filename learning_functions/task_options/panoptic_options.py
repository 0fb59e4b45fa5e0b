"""The options of the task panoptic: its samples, its loss, and what was estimated on its models."""

from __future__ import annotations

from dataclasses import dataclass

from learning_functions.task_options.common_options import MirroredOptions


@dataclass(frozen=True)
class PanopticOptions(MirroredOptions):
    """Nothing of this is published; the defaults are those that were trained first.

    random_fraction: fraction of a scan's samples at random positions; the others lie round voxels of vertebrae.
    offset_weight: weight of the offsets' loss beside that of the parts.
    threshold: the probability of vertebra from which a voxel belongs to one.
    """

    random_fraction: float = 0.2
    offset_weight: float = 0.5
    threshold: float = 0.5
