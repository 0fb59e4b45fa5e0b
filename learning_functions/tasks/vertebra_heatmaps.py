"""Vertebra heatmaps: a named landmark per vertebra, by SpatialConfiguration-Net.

Payer et al. 2020, "Coarse to Fine Vertebrae Localization and Segmentation with SpatialConfiguration-Net and U-Net",
second stage (preset `paper`). The 26 landmarks are those of VerSe: C1 to L6 with T13. The inference option `--naming`
chooses between the decoder and the published graph.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from learning_functions.io_signature import IOSignature
from learning_functions.samples.cut.earlier_stages import found_spine
from learning_functions.samples.cut.labelled_points import LabelledPoints, labelled_points
from learning_functions.samples.cut.sources import random_window
from learning_functions.spec import AIR_HU, OUTSIDE, Spec, padding_value_of
from learning_functions.task import Objective, Sample, Settings, Task
from learning_functions.task_options.heatmap_options import VertebraHeatmapOptions
from utility_functions.anatomy.labels import LEVELS, VERTEBRAE
from utility_functions.files.cases import Scan
from utility_functions.geometry.boxes import overlap
from utility_functions.records.findings import Findings, StageFindings

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.augment.augmentation import Augmentation
    from learning_functions.samples.store.sample_store import SampleStore
MARGIN_SIGMAS = 3.0
"""The Gaussian of a landmark this near outside a patch reaches into it; the loss ignores that landmark."""

_PAPER = Settings(
    preset="paper",
    spec=Spec(
        spacing_mm=(2.0, 2.0, 2.0),
        axcodes="RAS",
        patch=(96, 96, 128),
        channels=1,
        labels=VERTEBRAE,
        intensity="window",
        window=(AIR_HU, 1024.0),
    ),
    samples_per_scan=10,
    filters=96,
    levels=4,
    momentum=0.99,
    batch=1,
    epochs=50,
    learning_rate=1e-4,
    options=VertebraHeatmapOptions(),
)
_SMALL = _PAPER.changed(
    preset="small",
    spec=replace(_PAPER.spec, spacing_mm=(4.0, 4.0, 4.0), patch=(32, 32, 64), window=(-200.0, 1000.0)),
    samples_per_scan=4,
    filters=16,
    levels=3,
    momentum=0.9,
    batch=4,
    epochs=6,
    learning_rate=2e-3,
    schedule="cosine",
    options=replace(
        _PAPER.options,
        sigma=2.0,
        learn_sigma=False,
        scale=0.0,
        loss="mean",
        absent="empty",
        dropout=0.0,
        norm="batch",
        head_deviation=1e-2,
        spatial_start=1.0,
        gradient_norm=1.0,
        flip=0.5,
    ),
)
_SHIPPED = _SMALL.changed(
    preset="shipped",
    spec=replace(_SMALL.spec, spacing_mm=(3.0, 3.0, 3.0), patch=(32, 48, 80)),
    filters=24,
    epochs=10,
    options=replace(_SMALL.options, sigma=2.5, augment="synth"),
)


def _labelled(scan: Scan, settings: Settings[VertebraHeatmapOptions]) -> tuple[LabelledPoints, np.ndarray]:
    """The scan's points, and the places (n, 3) of those to be found. Raises: ValueError where there is none."""
    labelled = labelled_points(scan, settings.spec)
    places = labelled.points[[LEVELS.index(level) for level in settings.spec.labels]]
    places = places[np.isfinite(places).all(axis=1)]
    if not len(places):
        raise ValueError("No vertebra lies inside the image.")
    return labelled, places


def _sample(labelled: LabelledPoints, first: np.ndarray, settings: Settings[VertebraHeatmapOptions]) -> Sample:
    """The patch whose first voxel is ``first``."""
    patch = np.asarray(settings.spec.patch)
    image = labelled.image.window(first, patch, fill=padding_value_of(labelled.image.voxels))
    scanned = np.zeros(settings.spec.patch, np.uint8)
    scanned[overlap(first, patch, labelled.image.grid.shape)[1]] = 1
    points = labelled.points - first
    outside = np.maximum(np.maximum(-0.5 - points, points - patch + 0.5), 0).max(axis=1)
    reaching = (outside > 0) & (outside < MARGIN_SIGMAS * settings.options.sigma)
    known = labelled.known & ~reaching
    codes = None if labelled.tissues is None else labelled.tissues.window(first, patch, OUTSIDE).voxels[..., None]
    numbers = np.concatenate([known, points.ravel()]).astype(np.float32)
    return Sample(image.voxels[..., None], scanned, tissues=codes, numbers=numbers)


class VertebraHeatmapTask(Task[VertebraHeatmapOptions]):
    """A named landmark per vertebra."""

    name = "vertebra_heatmaps"
    options_type = VertebraHeatmapOptions
    uses = ("heatmap", "detection")
    cropped_by = ("heatmap", "detection")
    gives = ("landmarks",)
    may_give = ("landmark_heatmap", "candidates")
    targets = MappingProxyType({"vertebrae": VERTEBRAE, "levels": LEVELS})
    """The targets by name: landmarks of the free vertebrae, or of these and the first two of the sacrum."""
    numbers = (*(f"{level}_known" for level in LEVELS), *(f"{level}_{axis}" for level in LEVELS for axis in "xyz"))
    """Whether the loss counts a level (1 or 0), and its position in voxels of the patch (NaN: none)."""
    presets = MappingProxyType({"paper": _PAPER, "small": _SMALL, "shipped": _SHIPPED})

    def samples(self, scan: Scan, settings: Settings[VertebraHeatmapOptions], rng: np.random.Generator) -> list[Sample]:
        """Patches round random landmarks, off-centre by up to a quarter across and a half along the spine.

        Inputs (*patch, 1) intensities; targets (*patch) 1 where the scan is; numbers as ``numbers``.
        """
        labelled, places = _labelled(scan, settings)
        patch, samples = np.asarray(settings.spec.patch), []
        for _ in range(settings.samples_per_scan):
            place = places[rng.integers(len(places))]
            away = rng.uniform(-0.5, 0.5, 3) * patch * (0.5, 0.5, 1.0)
            samples.append(_sample(labelled, np.rint(place + away - (patch - 1) / 2).astype(int), settings))
        return samples

    def cropped_samples(
        self, scan: Scan, settings: Settings[VertebraHeatmapOptions], rng: np.random.Generator, found: Findings
    ) -> list[Sample]:
        """The same, from patches at random positions in the box in which ``predict`` searches for landmarks.

        Up to a quarter of a patch may reach out of the box. The true landmarks do not determine the positions: where
        the spine found is a false positive, patches may show no landmark.
        """
        labelled, _ = _labelled(scan, settings)
        low, shape = found_spine(found, labelled, settings.grid_of(scan.volume.grid))
        places = [np.add(low, random_window(shape, settings.spec.patch, rng)) for _ in range(settings.samples_per_scan)]
        return [_sample(labelled, first, settings) for first in places]

    def arrange(self, y: Any, w: Any, numbers: Any, settings: Settings[VertebraHeatmapOptions]) -> tuple[Any, None]:
        """(batch, landmarks, 4): the point in voxels of the patch, then PRESENT, ABSENT or UNKNOWN.

        With ``absent`` "unknown", as published, the loss ignores landmarks that the patch does not show. With "empty",
        the target of those that are known to be absent is an empty heatmap.
        """
        from keras import ops

        from losses_and_metrics.landmark_heatmap_loss import ABSENT, PRESENT, UNKNOWN

        columns = [LEVELS.index(level) for level in settings.spec.labels]
        known = ops.take(numbers[:, : len(LEVELS)], columns, axis=1) > 0
        points = ops.reshape(numbers[:, len(LEVELS) :], (-1, len(LEVELS), 3))
        points = ops.take(points, columns, axis=1)
        patch = ops.convert_to_tensor(settings.spec.patch, "float32")
        inside = ops.logical_and(points >= -0.5, points < patch - 0.5)  # False where NaN
        present = ops.logical_and(known, ops.all(inside, axis=-1))
        absent = ABSENT if settings.options.absent == "empty" else UNKNOWN
        state = ops.where(present, PRESENT, ops.where(known, absent, UNKNOWN))
        points = ops.where(present[..., None], points, ops.zeros_like(points))
        return ops.concatenate([points, ops.cast(state, "float32")[..., None]], axis=-1), None

    def network(self, settings: Settings[VertebraHeatmapOptions]) -> keras.Model:
        from keras_models.spatial_configuration_net import spatial_configuration_net

        options = settings.options
        return spatial_configuration_net(
            settings.spec.patch,
            len(settings.spec.labels),
            settings.filters,
            settings.levels,
            options.dropout,
            options.norm,
            settings.momentum,
            options.coarser,
            options.head_deviation,
            options.spatial_start,
            options.sigma if options.learn_sigma else None,
        )

    def io_signature(self, settings: Settings[VertebraHeatmapOptions]) -> IOSignature:
        return IOSignature({"": (5, len(settings.spec.labels))})

    def objective(self, settings: Settings[VertebraHeatmapOptions]) -> Objective:
        """The published loss, or (``loss`` "mean") the same squared errors relative to the Gaussians' own squares.

        Where sigmas are learnt, losses of two epochs cannot be compared. The best epoch is then that of the smallest
        distance.
        """
        from losses_and_metrics.landmark_heatmap_loss import HeatmapLoss, LandmarkDistance, LandmarksFound

        options, spacing_mm = settings.options, settings.spec.spacing_mm
        return Objective(
            loss=HeatmapLoss(options.sigma, options.penalty, options.scale, options.loss),
            metrics=[LandmarkDistance(spacing_mm=spacing_mm), LandmarksFound(spacing_mm=spacing_mm)],
            watched="val_distance_mm" if options.learn_sigma else "val_loss",
            highest_is_best=False,
        )

    def augmentation(self, settings: Settings[VertebraHeatmapOptions]) -> Augmentation:
        from learning_functions.samples.augment.augmentation import Augmentation

        return Augmentation(
            spacing_mm=settings.spec.spacing_mm,
            points_from=len(LEVELS),
            flip_axis=0,
            flip=settings.options.flip,
        )

    def learnt(
        self,
        network: keras.Model,
        settings: Settings[VertebraHeatmapOptions],
        training: SampleStore,
        validation: SampleStore,
    ) -> VertebraHeatmapOptions:
        """The options with the statistics of the training landmarks: distances and directions, for the decoder."""
        from learning_functions.training.spine_statistics import spine_statistics

        return settings.options.changed(statistics=spine_statistics(training, len(LEVELS)).to_json())

    def predict(
        self, network: keras.Model, settings: Settings[VertebraHeatmapOptions], view: ScanView
    ) -> StageFindings:
        """``landmarks``: maxima of the heatmaps, inside the spine where an earlier stage found one, named in order."""
        from learning_functions.inference.landmarks.landmark_naming import named_landmarks

        return named_landmarks(network, settings, view)


TASK = VertebraHeatmapTask()
