"""Spine heatmap: Gaussians at the centroids of vertebrae, predicted from the image at a coarse spacing.

Payer et al. 2020, "Coarse to Fine Vertebrae Localization and Segmentation with SpatialConfiguration-Net and U-Net",
stage one (preset `paper`); Serrador et al. 2024, whose first step resizes the whole image (`topdown`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from learning_functions.io_signature import IOSignature
from learning_functions.samples.cut.sample_points import POINT_NUMBERS, judged_slices, point_numbers
from learning_functions.samples.cut.sources import place_scan, place_tissues, random_window
from learning_functions.spec import AIR_HU, OUTSIDE, Spec, padding_value_of
from learning_functions.task import Objective, Sample, Settings, Task
from learning_functions.task_options.common_options import USUAL_CHANGES, Augment, Changes, TaskOptions
from utility_functions.anatomy.heatmaps import LEAST_RESPONSE
from utility_functions.files.cases import Scan
from utility_functions.geometry.boxes import box_at
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import StageFindings

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.augment.augmentation import Augmentation


@dataclass(frozen=True)
class SpineHeatmapOptions(TaskOptions):
    """Defaults as published by Payer et al. 2020.

    sigma_voxels: standard deviation of the Gaussian at each centroid.
    resized: whether each scan is resized to the patch, whatever its spacing.
    empty_fraction: about the largest fraction of samples that show no centroid.
    widening: whether filters double from level to level.
    norm: normalisation of the layers; answer: activation of the last layer.
    loss: squared error, or divergence with Dice.
    changes: the augmentation.
    """

    sigma_voxels: float = 4.0
    resized: bool = False
    empty_fraction: float = 0.1
    widening: bool = False
    norm: Literal["none", "batch"] = "none"
    answer: Literal["linear", "sigmoid"] = "linear"
    loss: Literal["squares", "divergence"] = "squares"
    changes: Changes = USUAL_CHANGES
    augment: Augment = "standard"


_PAPER = Settings(
    preset="paper",
    spec=Spec(
        spacing_mm=(8.0, 8.0, 8.0),
        axcodes="RAS",
        patch=(64, 64, 128),
        channels=1,
        labels=("spine",),
        intensity="window",
        window=(AIR_HU, 3071.0),
    ),
    samples_per_scan=1,
    filters=64,
    levels=5,
    momentum=0.99,
    batch=2,
    epochs=50,
    learning_rate=1e-4,
    options=SpineHeatmapOptions(),
)
_TOPDOWN = _PAPER.changed(
    preset="topdown",
    filters=16,
    learning_rate=1e-3,
    options=replace(
        _PAPER.options,
        sigma_voxels=10.0,
        resized=True,
        widening=True,
        norm="batch",
        answer="sigmoid",
        loss="divergence",
        changes=Changes(elastic=0.0, contrast=0.25, brightness=0.25, blur=0.5, shift=0.5),
    ),
)
_SMALL = _PAPER.changed(
    preset="small",
    spec=replace(_PAPER.spec, patch=(40, 40, 64), window=(-200.0, 1000.0)),
    samples_per_scan=4,
    filters=8,
    levels=4,
    momentum=0.9,
    batch=4,
    epochs=6,
    learning_rate=3e-3,
    schedule="cosine",
    options=replace(
        _PAPER.options, widening=True, norm="batch", answer="sigmoid", loss="divergence", changes=Changes(crop=0.3)
    ),
)
_SHIPPED = _SMALL.changed(preset="shipped", filters=12, options=replace(_SMALL.options, augment="synth"))

JUDGED = 1
"""The stored target where the loss counts; the heatmap itself is made from the points, batch by batch."""


def _window(
    shape: tuple[int, ...],
    centres: NDArray[np.float32],
    settings: Settings[SpineHeatmapOptions],
    rng: np.random.Generator,
) -> NDArray[np.int_]:
    """The first voxel of a patch at a random position; one without a centroid is mostly replaced by one round a
    centroid."""
    patch = settings.spec.patch
    first = random_window(shape, patch, rng)
    shows = ((centres >= first) & (centres < first + np.asarray(patch))).all(axis=1).any()
    if shows or rng.random() < settings.options.empty_fraction:
        return first
    return np.rint(centres[rng.integers(len(centres))]).astype(int) - rng.integers(0, patch)


class SpineHeatmapTask(Task[SpineHeatmapOptions]):
    """A heatmap of the spine."""

    name = "spine_heatmap"
    options_type = SpineHeatmapOptions
    gives = ("heatmap",)
    numbers = POINT_NUMBERS
    presets = MappingProxyType({"paper": _PAPER, "topdown": _TOPDOWN, "small": _SMALL, "shipped": _SHIPPED})

    def samples(self, scan: Scan, settings: Settings[SpineHeatmapOptions], rng: np.random.Generator) -> list[Sample]:
        """Patches at random positions; with ``resized``, each sample is the whole image.

        Inputs (*patch, 1) intensities; targets (*patch) JUDGED except where a vertebra may lack a label; numbers as
        ``numbers``. At most about a fraction ``empty_fraction`` of the patches shows no centroid.
        """
        grid = settings.grid_of(scan.volume.grid)
        image, landmarks = place_scan(scan, settings.spec, grid)
        tissues, patch = place_tissues(scan, grid), settings.spec.patch
        centres = point_numbers(landmarks, grid, (0, 0, 0)).reshape(-1, 3)
        centres = centres[np.isfinite(centres).all(axis=1)]
        if not len(centres):
            raise ValueError("No vertebra lies inside the image.")
        judged = LabelMap(np.broadcast_to(judged_slices(landmarks, grid), grid.shape).astype(np.uint8), grid)
        samples = []
        for _ in range(settings.samples_per_scan):
            first = np.zeros(3, int) if settings.options.resized else _window(grid.shape, centres, settings, rng)
            inputs = image.window(first, patch, fill=padding_value_of(image.voxels)).voxels[..., None]
            codes = None if tissues is None else tissues.window(first, patch, OUTSIDE).voxels[..., None]
            target = judged.window(first, patch, fill=JUDGED).voxels
            samples.append(Sample(inputs, target, tissues=codes, numbers=point_numbers(landmarks, grid, first)))
        return samples

    def arrange(self, y: Any, w: Any, numbers: Any, settings: Settings[SpineHeatmapOptions]) -> tuple[Any, Any]:
        """Targets (b, *patch, 2): the heatmap, made from the points, and whether the loss counts."""
        from keras import ops

        from learning_functions.samples.augment.heatmap_targets import spine_heatmaps

        patch = settings.spec.patch
        points = ops.reshape(ops.convert_to_tensor(numbers), (-1, len(POINT_NUMBERS) // 3, 3))
        heatmaps = spine_heatmaps(points, patch, settings.options.sigma_voxels)
        return ops.stack([heatmaps, ops.cast(ops.equal(y, JUDGED), "float32")], axis=-1), None

    def network(self, settings: Settings[SpineHeatmapOptions]) -> keras.Model:
        from keras_models.heatmap_unet import heatmap_unet

        options = settings.options
        return heatmap_unet(
            settings.spec.patch,
            settings.filters,
            settings.levels,
            options.widening,
            options.norm,
            settings.momentum,
            options.answer,
        )

    def io_signature(self, settings: Settings[SpineHeatmapOptions]) -> IOSignature:
        return IOSignature({"": (5, 1)})

    def objective(self, settings: Settings[SpineHeatmapOptions]) -> Objective:
        """The published losses: squared error (``loss`` "squares"), or divergence with Dice ("divergence")."""
        from losses_and_metrics.spine_heatmap_loss import AboveThresholdDice, HeatDistance, HeatDivergence, HeatError

        return Objective(
            loss=HeatError() if settings.options.loss == "squares" else HeatDivergence(),
            metrics=[AboveThresholdDice(), HeatDistance()],
            watched="val_loss",
            highest_is_best=False,
        )

    def augmentation(self, settings: Settings[SpineHeatmapOptions]) -> Augmentation:
        from learning_functions.samples.augment.augmentation import Augmentation

        changes = asdict(settings.options.changes)
        return Augmentation(settings.spec.spacing_mm, flip_axis=0, ignore=JUDGED, points_from=0, **changes)

    def predict(self, network: keras.Model, settings: Settings[SpineHeatmapOptions], view: ScanView) -> StageFindings:
        """``heatmap``, 0 to 1; a scan smaller than the patch lies in the patch's centre, as in training."""
        from learning_functions.inference.sliding_window import run_tiles

        image, patch = view.image, settings.spec.patch
        size = np.maximum(image.grid.shape, patch)
        before = (size - image.grid.shape) // 2
        padded = image.window(-before, size, fill=view.padding_value).voxels[..., None]
        margin = [length // 4 for length in patch]
        memory, padding = view.options.memory_gb, view.padding_value
        heatmap = run_tiles(network, padded, margin, memory, lambda out: out[..., 0], padding, device=view.device)
        inner = box_at(before, image.grid.shape)
        found = Volume(np.clip(heatmap[inner], 0, 1).astype(np.float16), image.grid)
        return StageFindings(heatmap=found).noting(
            "" if found.voxels.max() >= LEAST_RESPONSE else "No spine was found."
        )


TASK = SpineHeatmapTask()
