"""Vertebra masks: the landmark-prompted segmenter. It segments the whole vertebra at each landmark, one by one.

Payer et al. 2020, "Coarse to Fine Vertebrae Localization and Segmentation with SpatialConfiguration-Net and U-Net",
last stage (preset `paper`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_functions.io_signature import IOSignature
from learning_functions.samples.cut.earlier_stages import nearest_found
from learning_functions.samples.cut.labelled_segments import LabelledSegment, labelled_segments
from learning_functions.spec import AIR_HU, OUTSIDE, Spec
from learning_functions.task import Objective, Sample, Settings, Task
from learning_functions.task_options.mask_options import MaskOptions
from utility_functions.anatomy.landmark_prompt import centred_first, landmark_prompt
from utility_functions.files.cases import Scan
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings, StageFindings

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.augment.augmentation import Augmentation
_PAPER = Settings(
    preset="paper",
    spec=Spec(
        spacing_mm=(1.0, 1.0, 1.0),
        axcodes="RAS",
        patch=(128, 128, 96),
        channels=1,
        labels=("vertebra",),
        intensity="window",
        window=(AIR_HU, 1024.0),
    ),
    samples_per_scan=10,
    filters=64,
    levels=5,
    momentum=0.99,
    batch=1,
    epochs=50,
    learning_rate=1e-4,
    options=MaskOptions(),
)
_SMALL = _PAPER.changed(
    preset="small",
    spec=replace(_PAPER.spec, spacing_mm=(2.0, 2.0, 2.0), patch=(56, 56, 48), window=(-200.0, 1000.0)),
    samples_per_scan=8,
    filters=8,
    levels=4,
    momentum=0.9,
    batch=4,
    epochs=4,
    learning_rate=2e-3,
    schedule="cosine",
    options=replace(
        _PAPER.options,
        offset_mm=(0.0, -16.0, 0.0),
        jitter_mm=2.0,
        dropout=0.0,
        graph="unet",
        flip=0.5,
        mirrored_inference=True,
    ),
)
_SHIPPED = _SMALL.changed(preset="shipped", epochs=6, options=replace(_SMALL.options, augment="synth"))


def _samples(scan: Scan, settings: Settings[MaskOptions], rng: np.random.Generator, found: Landmarks) -> list[Sample]:
    segments = labelled_segments(scan, settings.spec)
    all_of_them = [(segment, place + 1) for segment in segments for place in range(len(segment.vertebrae))]
    rounds = -(-settings.samples_per_scan // len(all_of_them))
    chosen = np.concatenate([rng.permutation(len(all_of_them)) for _ in range(rounds)])[: settings.samples_per_scan]
    own = np.full(len(all_of_them), -1)
    if len(found):
        own = nearest_found([each[0].landmark_mm(each[1], scan.landmarks) for each in all_of_them], found.points_mm)
    samples = []
    for segment, place, nearest in ((*all_of_them[i], own[i]) for i in chosen):
        at_mm = segment.landmark_mm(place, scan.landmarks) + rng.normal(0.0, settings.options.jitter_mm, 3)
        samples.append(_sample(segment, place, at_mm if nearest < 0 else found.points_mm[nearest], settings))
    return samples


def _sample(
    segment: LabelledSegment, place: int, at_mm: NDArray[np.float64], settings: Settings[MaskOptions]
) -> Sample:
    spec, options = settings.spec, settings.options
    first = centred_first(at_mm, segment.image.grid, spec.patch, options.offset_mm)
    box = segment.image.grid.window(first, spec.patch)
    codes = None if segment.tissues is None else segment.tissues.window(first, spec.patch, OUTSIDE).voxels[..., None]
    return Sample(
        segment.image.window(first, spec.patch, fill=segment.padding).voxels[..., None],
        (segment.order.window(first, spec.patch).voxels == place).astype(np.uint8),
        tissues=codes,
        memory=landmark_prompt(at_mm, box, options.sigma_mm),
    )


class MaskTask(Task[MaskOptions]):
    """The whole vertebra at each landmark."""

    name = "vertebra_masks"
    options_type = MaskOptions
    needs = ("landmarks",)
    uses = ("landmarks",)
    """Of the last model that finds them."""
    cropped_by = ("landmarks",)
    gives = ("instances",)
    presets = MappingProxyType({"paper": _PAPER, "small": _SMALL, "shipped": _SHIPPED})

    def samples(self, scan: Scan, settings: Settings[MaskOptions], rng: np.random.Generator) -> list[Sample]:
        """Patches round the landmarks of vertebrae, every vertebra equally often, up to one.

        Inputs (*patch, 1) intensities; memory (*patch) the landmark prompt, moved by N(0, ``jitter_mm``) along each
        axis to imitate errors of found landmarks; targets (*patch) 1 in the vertebra. Outside a contiguous labelled
        segment, inputs hold the padding value. The target of a truncated vertebra is its visible part.
        """
        return _samples(scan, settings, rng, Landmarks.empty())

    def cropped_samples(
        self, scan: Scan, settings: Settings[MaskOptions], rng: np.random.Generator, found: Findings
    ) -> list[Sample]:
        """The same round the found landmarks, unmoved and whatever their names.

        A vertebra without a found landmark keeps its own, moved.
        """
        return _samples(scan, settings, rng, found.landmarks or Landmarks.empty())

    def network(self, settings: Settings[MaskOptions]) -> keras.Model:
        from keras_models.averaging_unet import mask_unet
        from keras_models.outline_unet import outline_unet

        options = settings.options
        if options.graph == "unet":
            return outline_unet(settings.spec.patch, settings.filters, settings.levels, settings.momentum)
        return mask_unet(
            settings.spec.patch,
            settings.filters,
            settings.levels,
            options.dropout,
            options.norm,
            settings.momentum,
        )

    def io_signature(self, settings: Settings[MaskOptions]) -> IOSignature:
        return IOSignature({"": (5, 1)}, memory=1)

    def objective(self, settings: Settings[MaskOptions]) -> Objective:
        from losses_and_metrics.mask_loss import BinaryDice, MaskLoss

        options = settings.options
        return Objective(
            loss=MaskLoss(options.dice, options.crossentropy, options.focal),
            metrics=[BinaryDice()],
            watched="val_loss",
            highest_is_best=False,
        )

    def augmentation(self, settings: Settings[MaskOptions]) -> Augmentation:
        from learning_functions.samples.augment.augmentation import Augmentation

        return Augmentation(spacing_mm=settings.spec.spacing_mm, flip_axis=0, flip=settings.options.flip)

    def largest_pass(self, settings: Settings[MaskOptions], shape: tuple[int, int, int]) -> float:
        from learning_functions.inference.landmarks.landmark_masks import MOST_AT_ONCE

        return float(MOST_AT_ONCE * math.prod(settings.spec.patch))

    def predict(self, network: keras.Model, settings: Settings[MaskOptions], view: ScanView) -> StageFindings:
        """``instances``, masks of whole vertebrae, one at each named landmark."""
        from learning_functions.inference.landmarks.landmark_masks import masks_at_landmarks

        return masks_at_landmarks(network, settings, view)


TASK = MaskTask()
