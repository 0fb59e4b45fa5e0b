"""The options of the task panoptic: its samples, its loss, and what was estimated on its models."""

from __future__ import annotations

from dataclasses import dataclass

from learning_functions.task_options.bone_surface import BoneSurface
from learning_functions.task_options.common_options import MirroredOptions


@dataclass(frozen=True)
class PanopticOptions(MirroredOptions):
    """Nothing of this is published; the defaults are those that were trained first.

    random_fraction: fraction of a scan's samples at random positions; the others lie round voxels of vertebrae.
    offset_weight: weight of the offsets' loss beside that of the parts.
    centre_margin_mm: how far outside of a patch the centre of a vertebra may lie whose offsets are learnt.
    zoom: the largest relative change of size in augmentation.
    threshold: the probability of vertebra from which a voxel belongs to one.
    soft_threshold: the probability of disc, or of canal and cord, from which a voxel of MR is one.
    surface: how the brightness of CT places the surfaces of masks; None: the network alone does.
    """

    random_fraction: float = 0.2
    offset_weight: float = 0.5
    centre_margin_mm: float = 0.0
    zoom: float = 0.1
    threshold: float = 0.5
    soft_threshold: float = 0.5
    surface: BoneSurface | None = None
