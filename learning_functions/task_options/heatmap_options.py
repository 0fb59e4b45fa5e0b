"""The options of the task vertebra_heatmaps: its targets, its network, and the statistics that training estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from learning_functions.task_options.common_options import Augment, Norm, TaskOptions


@dataclass(frozen=True)
class VertebraHeatmapOptions(TaskOptions):
    """Defaults as published by Payer et al. 2020.

    sigma: standard deviation of the Gaussians in voxels; its initial value where ``learn_sigma`` is set.
    scale: of the Gaussians' height, 0 for a height of 1; penalty: of learnt standard deviations.
    loss: sums of squared errors, or squared errors relative to the Gaussians' own squares.
    absent: the target of a landmark that the patch does not show: none, or an empty heatmap where its absence is known.
    coarser: downsampling factor of the spatial component; dropout, norm, head_deviation, spatial_start: of the layers
        (`spatial_configuration_net`).
    flip: fraction of mirrored samples.
    statistics: the decoder's prior statistics, estimated after training (`Statistics.to_json`).
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
