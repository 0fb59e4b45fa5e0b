"""Vertebrae, discs and canal in MR: semantic segmentation by a 3D U-Net, as in SPIDER's baseline.

van der Graaf et al. 2024, "Lumbar spine segmentation in MR images: a dataset and a public benchmark". Preset `paper`
crops each series to the body and resizes it to 256x128x32; `spaced` keeps millimetres (2x0.6x0.6); `shipped` learns any
contrast from phantoms (`--augment synth`). Connected components are the single structures (anatomy/components.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from learning_functions.io_signature import IOSignature
from learning_functions.preprocessing import region_of_interest
from learning_functions.samples.cut.sources import place_image, place_tissues, random_window
from learning_functions.spec import AIR_HU, OUTSIDE, Spec, padding_value_of
from learning_functions.task import Objective, Sample, Settings, Task
from learning_functions.task_options.common_options import USUAL_CHANGES, Changes, MirroredOptions
from utility_functions.anatomy.components import numbered_spine
from utility_functions.anatomy.structures import (
    STRUCTURES,
    structures_of,
)
from utility_functions.files.cases import Scan
from utility_functions.files.spider_folder import require_sound
from utility_functions.geometry.resampling import resample
from utility_functions.phantom.tissue import TISSUES
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import SpiderMap, StructureMap

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.augment.augmentation import Augmentation


@dataclass(frozen=True)
class StructureOptions(MirroredOptions):
    """Defaults as published by van der Graaf et al. 2024.

    cropped: whether scans are first cropped to the body.
    resized: whether they are then resized to the patch, whatever their spacing.
    random_share: fraction of samples at random positions; the others show each class equally often.
    flat_levels: levels of the network that do not downsample the slices' axis.
    loss: cross-entropy, or its sum with soft Dice.
    changes: the augmentation.
    """

    cropped: bool = True
    resized: bool = True
    random_share: float = 0.0
    flat_levels: int = 1
    loss: Literal["crossentropy", "dice"] = "crossentropy"
    changes: Changes = USUAL_CHANGES


_PAPER = Settings(
    preset="paper",
    spec=Spec(
        spacing_mm=(3.0, 1.5, 1.2),
        axcodes="RAS",
        patch=(32, 128, 256),
        channels=1,
        labels=STRUCTURES,
        intensity="series",
        window=(AIR_HU, 32767.0),
    ),
    samples_per_scan=1,
    filters=32,
    levels=5,
    momentum=0.9,
    batch=2,
    epochs=100,
    learning_rate=1e-3,
    weight_decay=1e-4,
    options=StructureOptions(),
)
_SPACED = _PAPER.changed(
    preset="spaced",
    spec=replace(_PAPER.spec, spacing_mm=(2.0, 0.6, 0.6), patch=(32, 192, 192)),
    samples_per_scan=8,
    options=replace(
        _PAPER.options, resized=False, random_share=0.1, flat_levels=2, augment="standard", mirrored_inference=True
    ),
)
_SMALL = _SPACED.changed(
    preset="small",
    spec=replace(_SPACED.spec, spacing_mm=(3.6, 1.3, 1.3), patch=(16, 96, 96), intensity="minmax"),
    samples_per_scan=5,
    filters=8,
    levels=4,
    batch=4,
    epochs=4,
    learning_rate=3e-3,
    schedule="cosine",
    options=replace(
        _SPACED.options, cropped=False, flat_levels=1, loss="dice", changes=Changes(turn=0.3, elastic=0.3, crop=0.2)
    ),
)
_SHIPPED = _SMALL.changed(
    preset="shipped", filters=12, epochs=6, options=replace(_SMALL.options, augment="synth", changes=Changes(crop=0.2))
)


def _round(
    voxel: NDArray[np.int_], shape: tuple[int, ...], patch: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.int_]:
    """The first voxel of a patch that shows ``voxel``; at most a quarter of it lies out of the scan, if possible."""
    first = voxel - rng.integers(0, patch)
    outside = np.asarray(patch) // 4
    last = np.asarray(shape) - np.asarray(patch)
    return np.asarray(np.clip(first, np.minimum(last, 0) - outside, np.maximum(last, 0) + outside))


class StructureTask(Task[StructureOptions]):
    """Vertebrae, discs and canal by class, and the single structures as their components."""

    name = "multiclass_mr"
    options_type = StructureOptions
    gives = ("structures", "numbered")
    may_give = ("instances", "landmarks")
    presets = MappingProxyType({"paper": _PAPER, "spaced": _SPACED, "small": _SMALL, "shipped": _SHIPPED})

    def samples(self, scan: Scan, settings: Settings[StructureOptions], rng: np.random.Generator) -> list[Sample]:
        """Patches round random voxels of vertebra, disc or canal, each class equally often.

        Inputs (*patch, 1) intensities; targets (*patch) codes of STRUCTURES. A fraction ``random_share`` lies at random
        positions. With ``resized``, each sample is the whole scan.
        Raises: ValueError where there are no masks of these classes, or a series of SPIDER has a defect.
        """
        if scan.label_map is None:
            raise ValueError("Vertebrae, discs and canal are learnt from label maps. Received: no label map.")
        require_sound(scan)
        classes = structures_of(scan.label_map, scan.case.label_code, scan.tissues, TISSUES)
        shown = region_of_interest(scan.volume, settings)
        grid = settings.grid_of(shown.grid)
        image, tissues, patch = place_image(scan, settings.spec, grid), place_tissues(scan, grid), settings.spec.patch
        target = resample(classes, grid)
        places = [np.argwhere(target.voxels == code) for code in range(1, len(STRUCTURES))]
        places = [where for where in places if len(where)]
        if not places:
            raise ValueError("No vertebra, disc or canal lies inside the image.")
        samples = []
        for number in range(settings.samples_per_scan):
            first = np.zeros(3, int)
            if not settings.options.resized:
                first = random_window(grid.shape, patch, rng)
                if rng.random() >= settings.options.random_share:
                    where = places[number % len(places)]
                    first = _round(where[rng.integers(len(where))], grid.shape, patch, rng)
            codes = None if tissues is None else tissues.window(first, patch, OUTSIDE).voxels[..., None]
            inputs = image.window(first, patch, fill=padding_value_of(scan.volume.voxels)).voxels[..., None]
            samples.append(Sample(inputs, target.window(first, patch).voxels.astype(np.uint8), tissues=codes))
        return samples

    def network(self, settings: Settings[StructureOptions]) -> keras.Model:
        from keras_models.unet import sliced_unet

        return sliced_unet(
            settings.spec.patch,
            settings.spec.channels,
            settings.filters,
            settings.levels,
            len(settings.spec.labels),
            settings.momentum,
            settings.options.flat_levels,
        )

    def io_signature(self, settings: Settings[StructureOptions]) -> IOSignature:
        return IOSignature({"": (5, len(settings.spec.labels))})

    def objective(self, settings: Settings[StructureOptions]) -> Objective:
        """Cross-entropy (``loss`` "crossentropy"), or its sum with soft Dice ("dice"); the F1 of voxels is Dice."""
        from losses_and_metrics.dense_losses import ClassDice, DiceCrossentropy, VoxelAccuracy, WeightedCrossentropy

        crossentropy = settings.options.loss == "crossentropy"
        return Objective(
            loss=WeightedCrossentropy((1.0,) * len(STRUCTURES)) if crossentropy else DiceCrossentropy(),
            metrics=[VoxelAccuracy(), *(ClassDice(code, f"f1_{name}") for code, name in enumerate(STRUCTURES) if code)],
            watched="val_loss",
            highest_is_best=False,
        )

    def augmentation(self, settings: Settings[StructureOptions]) -> Augmentation:
        from learning_functions.samples.augment.augmentation import Augmentation

        return Augmentation(spacing_mm=settings.spec.spacing_mm, flip_axis=0, **asdict(settings.options.changes))

    def predict(self, network: keras.Model, settings: Settings[StructureOptions], view: ScanView) -> StageFindings:
        """``structures``, the likeliest class per voxel, and ``numbered``, single structures in SPIDER's code.

        Unless landmarks are supplied, also ``instances`` and ``landmarks`` by name, counted from the lowest vertebra
        where it is declared (option ``lowest``), else by the decoder. All results are on the scan's own grid.
        """
        from learning_functions.inference.class_probabilities import class_probabilities
        from learning_functions.inference.counted_names import named_by_count, named_from

        structures = class_probabilities(network, settings, view, StructureMap).on(view.target_grid)
        numbered = SpiderMap(numbered_spine(structures).voxels, structures.grid)
        found = StageFindings(structures=StructureMap(structures.voxels, structures.grid), numbered=numbered)
        if not structures.voxels.any():
            return found.noting("No vertebra, disc or canal was found.")
        if view.options.lowest is not None:
            return named_from(found, numbered, view.options.lowest)
        return found if view.findings.landmarks is not None else named_by_count(found, numbered, view)


TASK = StructureTask()
