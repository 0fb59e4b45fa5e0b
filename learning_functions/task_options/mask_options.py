"""The options of the task vertebra_masks: its landmark prompts, its network and its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from learning_functions.task_options.common_options import Augment, MirroredOptions, Norm


@dataclass(frozen=True)
class MaskOptions(MirroredOptions):
    """Defaults as published by Payer et al. 2020.

    sigma_mm: width of the landmark prompt; offset_mm: distance of the patch's centre from the landmark; jitter_mm:
        standard deviation of the prompt's position along each axis in samples.
    graph: the published one, or a U-Net; dropout, norm: of the published one.
    dice, crossentropy, focal: weights of the terms of the loss.
    flip: fraction of mirrored samples.
    """

    sigma_mm: float = 3.0
    offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    jitter_mm: float = 0.0
    dropout: float = 0.25
    graph: Literal["averaging", "unet"] = "averaging"
    norm: Norm = "none"
    dice: float = 0.5
    crossentropy: float = 0.5
    focal: float = 0.0
    flip: float = 0.0
    augment: Augment = "standard"
