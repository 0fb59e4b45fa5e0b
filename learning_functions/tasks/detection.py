"""Detection: which voxels are vertebra, by a 3D U-Net (McCouat & Glocker 2019, stage one).

The published target is the tube of bodies and discs round the centroids. Where there are masks of whole vertebrae, the
target can be their parts instead (anatomy/parts.py), which gives outlines too; the preset `shipped` does so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_functions.io_signature import IOSignature
from learning_functions.samples.cut.part_targets import part_target
from learning_functions.samples.cut.sources import place_scan, place_tissues, random_window
from learning_functions.spec import AIR_HU, OUTSIDE, Spec, padding_value_of
from learning_functions.task import Objective, Sample, Settings, Task
from learning_functions.task_options.common_options import MirroredOptions
from learning_functions.task_options.orientation_check import OrientationCheck
from utility_functions.anatomy.dense_targets import dense_levels
from utility_functions.anatomy.parts import COLUMN, PARTS
from utility_functions.files.cases import Scan
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import ClassProbabilities, PartMap, TubeMap

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.augment.augmentation import Augmentation
    from learning_functions.samples.store.sample_store import SampleStore

TARGETS: Mapping[str, tuple[str, ...]] = MappingProxyType({"tubes": ("background", "vertebra"), "parts": PARTS})
"""The targets by name, with their classes."""
NOTHING = "No vertebra was found."
IN_DOUBT = "No vertebra was found: what looks a little like one is left out."


@dataclass(frozen=True)
class DetectionOptions(MirroredOptions):
    """Defaults as published by McCouat & Glocker 2019.

    weights: class weights of the loss for tubes; the loss for parts has none.
    empty_fraction: largest fraction of a scan's samples without a vertebra.
    present_only: whether the Dice of parts leaves out a class that a batch does not hold.
    orientation: thresholds of the check of patient orientation, estimated after training on parts; None: no check.
    sure_from: pieces of the column with a smaller mean probability of their parts are left out; of parts alone.
    """

    weights: tuple[float, ...] = (0.1, 0.9)
    empty_fraction: float = 0.2
    present_only: bool = False
    orientation: OrientationCheck | None = None
    sure_from: float = 0.0


_PAPER = Settings(
    preset="paper",
    spec=Spec(
        spacing_mm=(1.0, 1.0, 1.0),
        axcodes="RAS",
        patch=(64, 64, 80),
        channels=1,
        labels=TARGETS["tubes"],
        intensity="zscore",
        window=(AIR_HU, 3071.0),
    ),
    samples_per_scan=5,
    filters=16,
    levels=5,
    momentum=0.1,
    batch=16,
    epochs=50,
    learning_rate=1e-3,
    options=DetectionOptions(),
)
_SMALL = Settings(
    preset="small",
    spec=Spec(
        spacing_mm=(2.0, 2.0, 2.0),
        axcodes="RAS",
        patch=(40, 40, 48),
        channels=1,
        labels=TARGETS["tubes"],
        intensity="window",
        window=(-200.0, 1000.0),
    ),
    samples_per_scan=16,
    filters=8,
    levels=4,
    momentum=0.9,
    batch=8,
    epochs=5,
    learning_rate=3e-3,
    schedule="cosine",
    options=DetectionOptions(empty_fraction=0.35, augment="standard", mirrored_inference=True),
)
_SHIPPED = Settings(
    preset="shipped",
    spec=Spec(
        spacing_mm=(2.0, 2.0, 2.0),
        axcodes="RAS",
        patch=(48, 64, 64),
        channels=1,
        labels=TARGETS["parts"],
        intensity="window",
        window=(-200.0, 1000.0),
    ),
    samples_per_scan=8,
    filters=8,
    levels=4,
    momentum=0.9,
    batch=4,
    epochs=2,
    learning_rate=2e-3,
    schedule="cosine",
    options=DetectionOptions(present_only=True, augment="synth", mirrored_inference=True),
)


def _target(scan: Scan, landmarks: Landmarks, image: Volume, settings: Settings[DetectionOptions]) -> NDArray[np.uint8]:
    if settings.spec.labels != PARTS:
        return (dense_levels(landmarks, image.grid) > 0).astype(np.uint8)
    return part_target(scan, landmarks, image)


class DetectionTask(Task[DetectionOptions]):
    """Which voxels are vertebra, or which part of one."""

    name = "detection"
    options_type = DetectionOptions
    gives = ("detection",)
    tells_orientation = True
    searched = True
    targets = TARGETS
    presets = MappingProxyType({"paper": _PAPER, "small": _SMALL, "shipped": _SHIPPED})

    def samples(self, scan: Scan, settings: Settings[DetectionOptions], rng: np.random.Generator) -> list[Sample]:
        """Patches at random positions in one scan; at most a fraction ``empty_fraction`` of them holds no vertebra.

        Inputs (*patch, 1) intensities; targets (*patch) 1 in the vertebrae's tubes, or the code of the part.
        """
        image, landmarks = place_scan(scan, settings.spec)
        tissues = place_tissues(scan, image.grid)
        target = LabelMap(_target(scan, landmarks, image, settings), image.grid)
        if not target.voxels.any():
            raise ValueError("No vertebra lies inside the image.")
        most_empty = int(settings.options.empty_fraction * settings.samples_per_scan)
        where = np.argwhere(target.voxels)
        samples: list[Sample] = []
        empty = 0
        while len(samples) < settings.samples_per_scan:
            window = random_window(image.grid.shape, settings.spec.patch, rng)
            patch = target.window(window, settings.spec.patch)
            if not patch.voxels.any():
                if empty >= most_empty:  # then one round a random voxel of a vertebra
                    voxel = where[rng.integers(len(where))]
                    window = voxel - rng.integers(0, settings.spec.patch)
                    patch = target.window(window, settings.spec.patch)
                else:
                    empty += 1
            inputs = image.window(window, settings.spec.patch, fill=padding_value_of(image.voxels))
            codes = None if tissues is None else tissues.window(window, settings.spec.patch, OUTSIDE).voxels[..., None]
            samples.append(Sample(inputs.voxels[..., None], patch.voxels, tissues=codes))
        return samples

    def network(self, settings: Settings[DetectionOptions]) -> keras.Model:
        from keras_models.unet import detection_unet

        return detection_unet(
            settings.spec.patch, settings.filters, settings.levels, len(settings.spec.labels), settings.momentum
        )

    def io_signature(self, settings: Settings[DetectionOptions]) -> IOSignature:
        return IOSignature({"": (5, len(settings.spec.labels))})

    def objective(self, settings: Settings[DetectionOptions]) -> Objective:
        from losses_and_metrics.dense_losses import ClassDice, ClassRecall, DiceCrossentropy, WeightedCrossentropy

        if settings.spec.labels == PARTS:
            return Objective(
                loss=DiceCrossentropy(present_only=settings.options.present_only),
                metrics=[ClassDice(label, f"dice_{part}") for label, part in enumerate(PARTS) if label],
                watched="val_loss",
                highest_is_best=False,
            )
        return Objective(
            loss=WeightedCrossentropy(settings.options.weights),
            metrics=[ClassDice(1), ClassRecall(1, name="recall_vertebra"), ClassRecall(0, name="recall_background")],
            watched="val_loss",
            highest_is_best=False,
        )

    def augmentation(self, settings: Settings[DetectionOptions]) -> Augmentation:
        from learning_functions.samples.augment.augmentation import Augmentation

        return Augmentation(spacing_mm=settings.spec.spacing_mm, flip_axis=0)

    def learnt(
        self,
        network: keras.Model,
        settings: Settings[DetectionOptions],
        training: SampleStore,
        validation: SampleStore,
    ) -> DetectionOptions:
        """The options with the thresholds of the check of patient orientation, where the target is parts."""
        if settings.spec.labels != PARTS:
            return settings.options
        from learning_functions.training.orientation_choice import chosen_check

        return settings.options.changed(orientation=chosen_check(network, validation))

    def predict(self, network: keras.Model, settings: Settings[DetectionOptions], view: ScanView) -> StageFindings:
        """``detection``: the probability of each class per voxel, on the network's grid."""
        return self.found_in(self.class_probabilities(network, settings, view), settings)

    def class_probabilities(
        self, network: keras.Model, settings: Settings[DetectionOptions], view: ScanView
    ) -> ClassProbabilities:
        from learning_functions.inference.class_probabilities import class_probabilities

        kind = PartMap if settings.spec.labels == PARTS else TubeMap
        return class_probabilities(network, settings, view, kind)

    def found_in(self, probabilities: ClassProbabilities, settings: Settings[DetectionOptions]) -> StageFindings:
        """Pieces of the column in doubt are left out, where the target is parts."""
        from learning_functions.inference.sure_pieces import sure_pieces

        if probabilities.kind is not PartMap:
            return StageFindings(detection=probabilities).noting(NOTHING if not probabilities.likeliest.any() else "")
        sure = sure_pieces(probabilities, settings.options.sure_from)
        found = StageFindings(detection=sure)
        if np.isin(sure.likeliest, COLUMN).any():
            return found
        return found.noting(NOTHING if sure is probabilities else IN_DOUBT)


TASK = DetectionTask()
