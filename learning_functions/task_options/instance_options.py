"""The options of the task instances: how samples are cut, which network learns from them, how it is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from learning_functions.task_options.common_options import Augment, Changes, MirroredOptions, Norm

PUBLISHED_CHANGES = Changes(flip=0.0, turn=0.0, elastic=0.5, intensity=0.0, noise=0.5, blur=0.5, crop=0.5)


@dataclass(frozen=True)
class InstanceOptions(MirroredOptions):
    """Defaults as published by Lessmann et al. 2019, but for what they do not have, which is off.

    Samples (``InstanceTask.samples`` tells more)
    direction: the way along the spine in which vertebrae are found.
    empty_fraction: share of samples that have every vertebra in memory and an empty target; empty_at_end: share of these
        that lie at the vertebra passed last.
    first_fraction: share of samples, beside those by chance, that show the vertebra that a traversal comes to first.
    balanced: whether each vertebra of a scan is taken as often as any other, up to one.
    memory_dropout, memory_roughness, memory_corruption: share of samples that remember the neighbour alone; whose memory is as rough
        as a network's masks; whose memory lacks a part of the vertebra passed last, or holds a part of the target.
    prompted_fraction: share of samples with a mark at the landmark of the vertebra, above 0 for a network that sees marks;
        prompted_without_memory: share of these, but for empty ones, that remember nothing.
    prompt_sigma_mm: width of a mark; prompt_jitter_mm: deviation of its place along each axis.
    prompt_offset_mm: how far from its mark the middle of a patch lies, in marked samples and in the second pass; None:
        samples are cut at random voxels, marked or not, and the second pass has the mark in the middle.

    Network and training
    graph: the published one, a U-Net, or two of which one finds and one draws.
    widening: whether filters double from level to level; norm: of the published graph.
    start_level, level_scale: where the regressed level starts, and what its last layer is multiplied with.
    loss: of masks, sums as published or means with soft Dice; false_positive_weight: of its false positives, in the
        first and in the last epoch; level_weight: of the level's error.
    changes: how samples are changed.

    Running
    counted: whether vertebrae are counted and not named.
    threshold: probability from which a voxel belongs to a mask; other_thresholds: tried where the chain is doubtful.
    least_agreement: a chain is doubtful, too, where its Dice with the bone detected is less; 0: it never is for that.
    redrawn: whether vertebrae are drawn once more, by their marks, when all are found.
    refine_mm: spacing at which masks are drawn anew; None: they stay.
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
        """Whether the network sees, behind memory, a mark of the vertebra that is meant."""
        return self.prompted_fraction > 0

    @property
    def second_pass_offset_mm(self) -> tuple[float, float, float]:
        """How far from its mark the middle of a patch lies in the second pass."""
        return self.prompt_offset_mm or (0.0, 0.0, 0.0)
