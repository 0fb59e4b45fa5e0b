"""The options of the task instances: samples, network, training and inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from learning_functions.task_options.common_options import Augment, Changes, MirroredOptions, Norm

PUBLISHED_CHANGES = Changes(flip=0.0, turn=0.0, elastic=0.5, intensity=0.0, noise=0.5, blur=0.5, crop=0.5)


@dataclass(frozen=True)
class InstanceOptions(MirroredOptions):
    """Defaults as published by Lessmann et al. 2019; what the publication does not have is off.

    Samples (details: ``InstanceTask.samples``)
    direction: the direction of the traversal along the spine.
    empty_fraction: fraction of samples with every vertebra in memory and an empty target.
    empty_at_end: fraction of the empty samples that lie at the last vertebra of the traversal.
    first_fraction: fraction of samples, beside random ones, that show the first vertebra of the traversal.
    balanced: whether every vertebra of a scan is sampled equally often, up to one.
    memory_dropout: fraction of samples whose memory holds the neighbour alone.
    memory_roughness: fraction of samples whose memory has borders as rough as predicted masks.
    memory_corruption: fraction of samples whose memory lacks a part of the previous vertebra or holds a part of the
        target.
    prompted_fraction: fraction of samples with a landmark prompt; above 0, the network has the channel for it.
    prompted_without_memory: fraction of the prompted samples with an empty memory; empty samples do not count.
    prompt_sigma_mm: width of a prompt; prompt_jitter_mm: standard deviation of its position along each axis.
    prompt_offset_mm: the distance of a patch's centre from its prompt, in prompted samples and in the second pass.
        None: samples are cut at random voxels, prompted or not, and the second pass centres patches at the prompt.

    Network and training
    graph: the published one, a U-Net, or a two-branch model of two U-Nets, one for the traversal and one for the second
        pass.
    widening: whether filters double from level to level; norm: of the published graph.
    start_level, level_scale: the initial value of the regressed level, and the factor of its last layer.
    loss: of masks, sums as published or means with soft Dice.
    false_positive_weight: of the mask loss, in the first and in the last epoch; level_weight: of the level's error.
    changes: the augmentation.

    Inference
    counted: whether vertebrae are counted and not named.
    threshold: probability from which a voxel belongs to a mask.
    other_thresholds: the further thresholds of the threshold search, used where a traversal is inconsistent.
    least_agreement: a traversal is also inconsistent below this Dice with the detection; 0: this check is off.
    second_pass: whether vertebrae are segmented again by their landmark prompts, once all are found.
    refine_mm: spacing at which masks are predicted again; None: masks are not refined.
    """

    direction: Literal["up", "down"] = "up"
    empty_fraction: float = 0.2
    empty_at_end: float = 0.0
    first_fraction: float = 0.0
    balanced: bool = False
    memory_dropout: float = 0.0
    memory_roughness: float = 0.0
    memory_corruption: float = 0.0
    prompted_fraction: float = 0.0
    prompted_without_memory: float = 0.0
    prompt_sigma_mm: float = 3.0
    prompt_jitter_mm: float = 2.0
    prompt_offset_mm: tuple[float, float, float] | None = None
    graph: Literal["fcn", "unet", "pair"] = "fcn"
    widening: bool = False
    norm: Norm = "batch"
    start_level: float = 0.0
    level_scale: float = 1.0
    loss: Literal["sums", "dice"] = "sums"
    false_positive_weight: tuple[float, float] = (0.1, 0.1)
    level_weight: float = 1.0
    changes: Changes = PUBLISHED_CHANGES
    augment: Augment = "standard"
    counted: bool = False
    threshold: float = 0.5
    other_thresholds: tuple[float, ...] = ()
    least_agreement: float = 0.0
    second_pass: bool = False
    refine_mm: tuple[float, float, float] | None = None

    @property
    def sees_prompts(self) -> bool:
        """Whether the network has, behind memory, a channel for the landmark prompt."""
        return self.prompted_fraction > 0

    @property
    def second_pass_offset_mm(self) -> tuple[float, float, float]:
        """The distance of a patch's centre from its landmark prompt in the second pass."""
        return self.prompt_offset_mm or (0.0, 0.0, 0.0)
