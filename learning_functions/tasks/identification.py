"""Identification: the level of each detected voxel, from sagittal slices (McCouat & Glocker 2019, stage two)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from learning_functions.io_signature import IOSignature
from learning_functions.samples.cut.sources import elastic_in_plane, place_scan, place_tissues
from learning_functions.spec import AIR_HU, OUTSIDE, Spec, padding_value_of
from learning_functions.task import Objective, Sample, Settings, Task
from learning_functions.task_options.common_options import TaskOptions
from utility_functions.anatomy.dense_targets import NUMBER_OF_LEVELS, dense_levels
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.decoded_votes import decoded
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.part_votes import part_votes
from utility_functions.anatomy.parts import column_of
from utility_functions.anatomy.votes import ordered_votes, published_votes
from utility_functions.files.cases import Scan
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import BodyMap, PartMap
from utility_functions.records.naming_record import NamingRecord

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.augment.augmentation import Augmentation
    from learning_functions.samples.store.sample_store import SampleStore

BESIDE_MM = 15.0
"""Slices are sampled up to this far to either side of the outermost centroids."""
LABELLED_MM2 = 500.0
"""A crop shows at least this much of labelled area, if the slice has it."""
TRIES = 20
NO_NAME = "No vertebra could be named."
ONLY_TRUNCATED = "Only vertebrae truncated by the border of the scan are seen; none has its centre in it."


@dataclass(frozen=True)
class IdentificationOptions(TaskOptions):
    """Defaults as published by McCouat & Glocker 2019.

    elastic_mm: standard deviation of the control points of the elastic deformation of slices.
    balanced: whether crops lie round each level of a slice equally often.
    answer: the network's output for each pixel: its level as a number, or the probability of each level.
    start_level, level_scale: of a number, its initial value, and the factor of the last layer.
    temperature: the factor of the votes in the decoder, estimated after training.
    shifted_inference: whether a prediction is the mean over two grids, half a voxel apart, with windows that begin half
        a stride of the network apart; published windows are seen once.
    """

    elastic_mm: float = 7.0
    balanced: bool = False
    answer: Literal["number", "classes"] = "number"
    start_level: float = 0.0
    level_scale: float = 1.0
    temperature: float = 1.0
    shifted_inference: bool = False


_PAPER = Settings(
    preset="paper",
    spec=Spec(
        spacing_mm=(1.0, 1.0, 1.0),
        axcodes="RAS",
        patch=(8, 80, 320),
        channels=8,
        labels=LEVELS,
        intensity="zscore",
        window=(AIR_HU, 3071.0),
    ),
    samples_per_scan=100,
    filters=32,
    levels=5,
    momentum=0.1,
    batch=32,
    epochs=35,
    learning_rate=1e-3,
    options=IdentificationOptions(),
)
_SMALL = Settings(
    preset="small",
    spec=Spec(
        spacing_mm=(4.0, 3.0, 3.0),
        axcodes="RAS",
        patch=(8, 64, 112),
        channels=8,
        labels=LEVELS,
        intensity="window",
        window=(-400.0, 1000.0),
    ),
    samples_per_scan=40,
    filters=8,
    levels=5,
    momentum=0.9,
    batch=16,
    epochs=16,
    learning_rate=3e-3,
    schedule="cosine",
    options=IdentificationOptions(
        start_level=13.0, level_scale=7.0, balanced=True, augment="standard", shifted_inference=True
    ),
)
_SHIPPED = _SMALL.changed(
    preset="shipped",
    samples_per_scan=16,
    filters=12,
    epochs=4,
    learning_rate=2e-3,
    options=replace(_SMALL.options, augment="synth", answer="classes"),
)

_MR = _SHIPPED.changed(preset="mr", spec=replace(_SMALL.spec, intensity="body", flatten_mm=40.0))


def _stack(
    image: Volume,
    tissues: LabelMap | None,
    levels: NDArray[np.uint8],
    x: int,
    padding: float,
    settings: Settings[IdentificationOptions],
    rng: np.random.Generator,
) -> Sample:
    spec = settings.spec
    rows, columns = spec.patch[1:]
    start, size = (x - spec.channels // 2, 0, 0), (spec.channels, *image.grid.shape[1:])
    slices = image.window(start, size, fill=padding).voxels
    codes = None if tissues is None else tissues.window(start, size, fill=OUTSIDE).voxels
    target = levels[x]
    enough = LABELLED_MM2 / (spec.spacing_mm[1] * spec.spacing_mm[2])
    labelled = np.argwhere(target)
    middle = labelled
    if settings.options.balanced:  # small levels as often as large ones
        shown_levels = np.unique(target[target > 0])
        middle = np.argwhere(target == shown_levels[rng.integers(len(shown_levels))])
    best: tuple[int, NDArray[np.int_]] | None = None
    for _ in range(TRIES):  # a crop round a random labelled pixel, until it shows enough of them
        first = middle[rng.integers(len(middle))] - rng.integers(0, (rows, columns))
        shown = int(((labelled >= first) & (labelled < np.add(first, (rows, columns)))).all(axis=1).sum())
        if best is None or shown > best[0]:
            best = shown, first
        if shown > enough:
            break
    offset = best[1] if best else np.zeros(2, int)
    amplitude = np.divide(settings.options.elastic_mm, spec.spacing_mm[1:])
    inputs, targets, codes = elastic_in_plane(slices, target, offset, (rows, columns), amplitude, padding, rng, codes)
    return Sample(np.moveaxis(inputs, 0, -1), targets, tissues=None if codes is None else np.moveaxis(codes, 0, -1))


def _predicts_classes(settings: Settings[IdentificationOptions]) -> bool:
    """Whether the network predicts a probability of each level, and not one number."""
    return bool(settings.options.answer == "classes")


class IdentificationTask(Task[IdentificationOptions]):
    """The level of each detected voxel, and the landmarks from these levels."""

    name = "identification"
    options_type = IdentificationOptions
    needs = ("detection",)
    gives = ("landmarks", "instances")
    presets = MappingProxyType({"paper": _PAPER, "small": _SMALL, "shipped": _SHIPPED, "mr": _MR})

    def samples(self, scan: Scan, settings: Settings[IdentificationOptions], rng: np.random.Generator) -> list[Sample]:
        """Stacks of neighbouring sagittal slices, deformed in-plane at random, cropped round the labelled pixels.

        Inputs (anterior, superior, slices); targets (anterior, superior): the level of each pixel of slice
        ``channels // 2``, 0 where there is none.
        """
        spec = settings.spec
        image, landmarks = place_scan(scan, spec)
        tissues = place_tissues(scan, image.grid)
        padding = padding_value_of(image.voxels)
        levels = dense_levels(landmarks, image.grid)
        inside = landmarks.only(LEVELS).at(np.flatnonzero(image.grid.contains(landmarks.only(LEVELS).points_mm)))
        if not len(inside) or not levels.any():
            raise ValueError("No vertebra lies inside the image.")
        beside = BESIDE_MM / spec.spacing_mm[0]
        across = image.grid.to_index(inside.points_mm)[:, 0]
        low = max(int(np.floor(across.min() - beside)), 0)
        high = min(int(np.ceil(across.max() + beside)), image.grid.shape[0] - 1)
        several = [x for x in range(low, high + 1) if np.unique(levels[x]).size > 2]
        choice = several or [x for x in range(low, high + 1) if levels[x].any()]
        return [
            _stack(image, tissues, levels, int(choice[rng.integers(len(choice))]), padding, settings, rng)
            for _ in range(settings.samples_per_scan)
        ]

    def network(self, settings: Settings[IdentificationOptions]) -> keras.Model:
        from keras_models.unet import identification_unet

        floor = [max(size // 2 ** (settings.levels - 1), 1) for size in settings.spec.patch[1:]]
        return identification_unet(
            settings.spec.patch[1:],
            settings.spec.channels,
            settings.filters,
            settings.levels,
            settings.momentum,
            floor,
            settings.options.start_level,
            settings.options.level_scale,
            NUMBER_OF_LEVELS if _predicts_classes(settings) else 0,
        )

    def io_signature(self, settings: Settings[IdentificationOptions]) -> IOSignature:
        return IOSignature({"": (4, NUMBER_OF_LEVELS if _predicts_classes(settings) else 1)})

    def objective(self, settings: Settings[IdentificationOptions]) -> Objective:
        from losses_and_metrics.dense_losses import LabelledCrossentropy, LabelledError, LevelAccuracy

        return Objective(
            loss=LabelledCrossentropy() if _predicts_classes(settings) else LabelledError(),
            metrics=[LevelAccuracy()],
            watched="val_loss",
            highest_is_best=False,
        )

    def augmentation(self, settings: Settings[IdentificationOptions]) -> Augmentation:
        from learning_functions.samples.augment.augmentation import Augmentation

        return Augmentation(spacing_mm=settings.spec.spacing_mm[1:], middle_channel=settings.spec.channels // 2)

    def learnt(
        self,
        network: keras.Model,
        settings: Settings[IdentificationOptions],
        training: SampleStore,
        validation: SampleStore,
    ) -> IdentificationOptions:
        """The options with the temperature of the votes, estimated on the validation samples."""
        from learning_functions.training.temperature_choice import chosen_temperature

        chosen = chosen_temperature(network, validation)
        return settings.options if chosen is None else settings.options.changed(temperature=chosen)

    def largest_pass(self, settings: Settings[IdentificationOptions], shape: tuple[int, int, int]) -> float:
        from learning_functions.inference.slices import MOST_SLICES_AT_ONCE

        return float(MOST_SLICES_AT_ONCE * max(math.prod(shape[1:]), math.prod(settings.spec.patch[1:])))

    def predict(self, network: keras.Model, settings: Settings[IdentificationOptions], view: ScanView) -> StageFindings:
        """``landmarks`` and ``instances``, from the level of each detected voxel; masks found before stay."""
        from learning_functions.inference.renamed_instances import has_instances, renamed_instances
        from learning_functions.inference.slices import mean_predictions, slice_predictions
        from learning_functions.inference.upside_down import levels_of, upside_down_note

        found, options = view.findings.detection, view.options
        if not isinstance(found, LabelMap):
            return StageFindings(landmarks=Landmarks.empty())
        detection = column_of(found)
        no_body = BodyMap(np.zeros(found.grid.shape, np.uint8), found.grid)
        nothing = StageFindings(landmarks=Landmarks.empty(), instances=no_body)
        if not detection.voxels.any():
            return nothing

        def answers_of(image: Volume, column: LabelMap) -> NDArray[np.float32]:
            return slice_predictions(network, settings, image, column, view.padding_value, options, view.device)

        if settings.options.shifted_inference and options.windows == "tiles":
            answers = mean_predictions(network, settings, view, detection)
        else:
            answers = answers_of(view.image, detection)
        level_probabilities = answers if _predicts_classes(settings) else None
        levels = np.zeros(detection.grid.shape, np.float32)
        levels[detection.voxels > 0] = levels_of(answers)
        if options.windows == "tiles" and (note := upside_down_note(answers, view.image, detection, answers_of)):
            return nothing.noting(note)
        by_decoder, record = options.naming == "decoder", None
        if by_decoder and has_instances(view):
            return renamed_instances(view, detection, levels, level_probabilities, settings.options.temperature)
        if "published" in (options.votes, options.naming):
            named = published_votes(levels, detection)
        elif isinstance(found, PartMap):
            named = part_votes(levels, found, level_probabilities, variants=by_decoder)
        else:
            named = ordered_votes(levels, detection, level_probabilities, variants=by_decoder)
        if by_decoder and named.bodies is not None:
            points = named.landmarks.points_mm
            named, naming = decoded(named, view.statistics or scan_statistics(), settings.options.temperature)
            record = NamingRecord.of(naming, points)
        bodies = BodyMap(named.instances.voxels, named.instances.grid)
        discarded = f"Discarded pieces of the detection: {named.discarded}." if named.discarded else ""
        result = StageFindings(landmarks=named.landmarks, naming=record, instances=bodies).noting(discarded)
        if len(named.landmarks):
            return result
        return result.noting(ONLY_TRUNCATED if named.instances.voxels.any() else NO_NAME)


TASK = IdentificationTask()
