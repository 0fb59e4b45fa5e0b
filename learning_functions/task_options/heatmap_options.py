"""The options of the task vertebra_heatmaps: its targets, its network, and what its training learns besides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from learning_functions.task_options.common_options import Augment, Norm, TaskOptions


@dataclass(frozen=True)
class VertebraHeatmapOptions(TaskOptions):
    """Defaults as published by Payer et al. 2020.

    sigma: deviation of the Gaussians in voxels, or what it starts from where ``learn_sigma``; scale: of their height,
        0 for a height of 1; penalty: of learnt deviations; loss: sums of squared errors, or in parts of the Gaussians'
        own squares.
    absent: what is held against a landmark that the patch does not show, nothing or emptiness where that is known.
    coarser: how many times coarser the graph's spatial part sees; dropout, norm, head_deviation, spatial_start: of its
        layers (`spatial_configuration_net`).
    flip: share of samples that are mirrored.
    statistics: learnt once the network is trained, what the decoder is to hold usual (`Statistics.to_json`).
    """

    sigma: float = 4.0
    learn_sigma: bool = True
    scale: float = 1000.0
    penalty: float = 100.0
    loss: Literal["sums", "mean"] = "sums"
    absent: Literal["unknown", "empty"] = "unknown"
    coarser: int = 4
    dropout: float = 0.25
    norm: Norm = "none"
    head_deviation: float = 1e-4
    spatial_start: float = 0.0
    gradient_norm: float | None = 1e5
    flip: float = 0.0
    augment: Augment = "standard"
    statistics: str | None = None
