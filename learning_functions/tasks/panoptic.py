"""Panoptic: parts of vertebrae and, for each voxel, the offset to the centre of its own vertebra, in one pass.

The offsets are those of Panoptic-DeepLab (Cheng et al. 2020) and EmbedSeg (Lalit et al. 2022). Voxels gather at the
landmarks that earlier stages named, so that masks of all vertebrae cost one pass of the network.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.io_signature import IOSignature
from learning_functions.samples.cut.part_targets import level_map, mr_part_target, part_target
from learning_functions.samples.cut.sources import place_scan, place_tissues, random_window
from learning_functions.spec import OUTSIDE, Spec, padding_value_of
from learning_functions.task import Objective, Sample, Settings, Task
from learning_functions.task_options.panoptic_options import PanopticOptions
from utility_functions.anatomy.centroids import LABEL_CODES
from utility_functions.anatomy.labels import LEVELS, VERTEBRAE
from utility_functions.anatomy.mr_parts import MR_PARTS
from utility_functions.anatomy.parts import ARCH, BODY, PARTS
from utility_functions.files.cases import Scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import Findings, StageFindings

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.augment.augmentation import Augmentation
    from learning_functions.samples.store.sample_store import SampleStore

MOST_CENTRES = 12
"""Vertebrae in one sample whose offsets are learnt, those with most voxels first."""
ABSENT = 0
"""The number, in a sample, of voxels without a vertebra of a known centre."""
_SMALL = Settings(
    preset="small",
    spec=Spec(
        spacing_mm=(2.0, 2.0, 2.0),
        axcodes="RAS",
        patch=(48, 64, 64),
        channels=1,
        labels=PARTS,
        intensity="window",
        window=(-200.0, 1000.0),
    ),
    samples_per_scan=8,
    filters=8,
    levels=3,
    momentum=0.9,
    batch=4,
    epochs=4,
    learning_rate=3e-3,
    schedule="cosine",
    options=PanopticOptions(augment="standard"),
)
_SHIPPED = _SMALL.changed(
    preset="shipped",
    spec=replace(_SMALL.spec, spacing_mm=(1.0, 1.0, 1.0), patch=(80, 112, 112)),
    samples_per_scan=6,
    filters=16,
    levels=4,
    batch=2,
    epochs=8,
    learning_rate=2e-3,
    options=replace(_SMALL.options, augment="synth"),
)

_MR = _SHIPPED.changed(
    preset="mr",
    spec=replace(
        _SHIPPED.spec,
        spacing_mm=(2.5, 1.25, 1.25),
        patch=(32, 112, 112),
        labels=MR_PARTS,
        intensity="body",
        flatten_mm=40.0,
    ),
    options=replace(_SHIPPED.options, augment="standard", centre_margin_mm=30.0, zoom=0.25, soft_threshold=0.25),
)


def _owners(parts: NDArray[np.uint8], levels: LabelMap, ids: dict[str, int]) -> NDArray[np.uint8]:
    """The place, from 1 on, in LEVELS of the vertebra that each voxel belongs to; 0 without one.

    The body of S1 belongs to S1, the rest of the sacrum to none.
    """
    places = np.zeros(256, np.uint8)
    for place, level in enumerate(LEVELS, start=1):
        if level in ids:
            places[ids[level]] = place
    sacral = LEVELS.index("S1") + 1
    for name in ("S1", "sacrum"):
        if name in ids:
            places[ids[name]] = sacral
    owners = places[levels.voxels]
    owners[~np.isin(parts, (BODY, ARCH))] = ABSENT
    return owners


class PanopticTask(Task[PanopticOptions]):
    """The part of each voxel, and the vertebra that it belongs to."""

    name = "panoptic"
    options_type = PanopticOptions
    published = False
    uses = ("landmarks",)
    gives = ("detection", "instances")
    may_give = ("landmarks", "structures", "numbered")
    presets = MappingProxyType({"small": _SMALL, "shipped": _SHIPPED, "mr": _MR})
    body_reduction = 2
    numbers = tuple(f"centre{number}_{axis}" for number in range(1, MOST_CENTRES + 1) for axis in "xyz")
    """The centre of each numbered vertebra in voxels of the patch; NaN: it lies outside, or there is none."""

    def samples(self, scan: Scan, settings: Settings[PanopticOptions], rng: np.random.Generator) -> list[Sample]:
        """Patches round random voxels of the spine, and a fraction ``random_fraction`` at random positions.

        Inputs (*patch, 1) intensities; targets (*patch, 2) the part, and the number of the vertebra (0: none); numbers
        as ``numbers``.
        """
        image, landmarks = place_scan(scan, settings.spec)
        tissues = place_tissues(scan, image.grid)
        levels = level_map(scan, image)
        if settings.spec.labels == MR_PARTS:
            parts = mr_part_target(scan, landmarks, image, levels, tissues)
        else:
            parts = part_target(scan, landmarks, image, levels)
        owners = _owners(parts, levels, dict(LABEL_CODES[scan.case.label_code] or {}))
        target = LabelMap(parts, image.grid)
        owned = LabelMap(owners, image.grid)
        where = np.argwhere(parts > 0)
        if not len(where):
            raise ValueError("No vertebra lies inside the image.")
        centres = np.full((len(LEVELS) + 1, 3), np.nan)
        for place, level in enumerate(LEVELS, start=1):
            if level in landmarks.names:
                centres[place] = image.grid.to_index(landmarks.point(level))
        patch, samples = np.asarray(settings.spec.patch), []
        margin = settings.options.centre_margin_mm / np.asarray(settings.spec.spacing_mm)
        for _ in range(settings.samples_per_scan):
            if rng.random() < settings.options.random_fraction:
                first = random_window(image.grid.shape, settings.spec.patch, rng)
            else:
                first = where[rng.integers(len(where))] - rng.integers(patch // 5, patch - patch // 5)
            inputs = image.window(first, settings.spec.patch, fill=padding_value_of(image.voxels))
            codes = None if tissues is None else tissues.window(first, settings.spec.patch, OUTSIDE).voxels[..., None]
            numbered, points = _numbered(
                owned.window(first, settings.spec.patch).voxels, centres - first, patch, margin
            )
            shown = np.stack([target.window(first, settings.spec.patch).voxels, numbered], axis=-1)
            samples.append(Sample(inputs.voxels[..., None], shown, tissues=codes, numbers=points))
        return samples

    def arrange(self, y: Any, w: Any, numbers: Any, settings: Settings[PanopticOptions]) -> tuple[Any, None]:
        """Targets by output: ``parts`` (b, *patch), and ``offsets`` (b, *patch / 2, 4) in cm, 1 where there is one.

        An offset is that of the first voxel of each 2 x 2 x 2, counted from the middle of the eight.
        """
        from keras import ops

        from keras_models.panoptic_unet import OFFSETS_OUTPUT, PARTS_OUTPUT, REDUCTION

        spec = settings.spec
        number = ops.cast(y[:, ::REDUCTION, ::REDUCTION, ::REDUCTION, 1], "int32")
        centres = ops.reshape(numbers, (-1, MOST_CENTRES, 3))
        known = ops.logical_not(ops.any(ops.isnan(centres), axis=-1))
        centres = ops.where(known[..., None], centres, ops.zeros_like(centres))
        table = ops.concatenate([centres, ops.cast(known, "float32")[..., None]], axis=-1)
        table = ops.pad(table, ((0, 0), (1, 0), (0, 0)))  # number 0 has no centre
        chosen = ops.one_hot(number, MOST_CENTRES + 1, dtype="float32")
        found = ops.einsum("bxyzn,bnk->bxyzk", chosen, table)
        middle = (REDUCTION - 1) / 2
        places = np.stack(
            np.meshgrid(*(np.arange(0, size, REDUCTION) + middle for size in spec.patch), indexing="ij"), axis=-1
        ).astype(np.float32)
        step = np.asarray(spec.spacing_mm, np.float32) / 10.0
        there = found[..., 3:]
        offsets = (found[..., :3] - places) * step * there
        return {PARTS_OUTPUT: y[..., 0], OFFSETS_OUTPUT: ops.concatenate([offsets, there], axis=-1)}, None

    def network(self, settings: Settings[PanopticOptions]) -> keras.Model:
        from keras_models.panoptic_unet import panoptic_unet

        return panoptic_unet(
            settings.spec.patch, settings.filters, settings.levels, len(settings.spec.labels), settings.momentum
        )

    def io_signature(self, settings: Settings[PanopticOptions]) -> IOSignature:
        return IOSignature({"parts": (5, len(settings.spec.labels)), "offsets": (5, 3)})

    def objective(self, settings: Settings[PanopticOptions]) -> Objective:
        from losses_and_metrics.dense_losses import ClassDice, DiceCrossentropy
        from losses_and_metrics.offset_losses import OffsetDistance, OffsetLoss, OffsetsWithin

        return Objective(
            loss={
                "parts": DiceCrossentropy(present_only=True),
                "offsets": OffsetLoss(settings.options.offset_weight),
            },
            metrics={
                "parts": [ClassDice(label, f"dice_{part}") for label, part in enumerate(settings.spec.labels) if label],
                "offsets": [OffsetDistance(), OffsetsWithin()],
            },
            watched="val_loss",
            highest_is_best=False,
        )

    def augmentation(self, settings: Settings[PanopticOptions]) -> Augmentation:
        from learning_functions.samples.augment.augmentation import Augmentation

        zoom = settings.options.zoom
        return Augmentation(spacing_mm=settings.spec.spacing_mm, flip_axis=0, points_from=0, zoom=zoom)

    def learnt(
        self,
        network: keras.Model,
        settings: Settings[PanopticOptions],
        training: SampleStore,
        validation: SampleStore,
    ) -> PanopticOptions:
        """The options with the threshold of the masks."""
        from learning_functions.training.mask_threshold import chosen_threshold

        return settings.options.changed(threshold=chosen_threshold(network, validation) or settings.options.threshold)

    def predict(self, network: keras.Model, settings: Settings[PanopticOptions], view: ScanView) -> StageFindings:
        """``instances``: the voxels of each vertebra that was named; ``detection``: the parts, finer than before.

        Where no model gave landmarks before: every vertebra of the scan, with ``landmarks``; of MR also
        ``structures`` and ``numbered``, in SPIDER's code.
        """
        from learning_functions.inference.landmarks.panoptic_masks import panoptic_masks

        return panoptic_masks(network, settings, view)

    def network_for_inference(self, network: keras.Model) -> keras.Model:
        from learning_functions.inference.landmarks.panoptic_maps import single_output

        return single_output(network)

    def shown(self, grid: Grid, findings: Findings) -> Grid:
        """The box round the vertebrae that were named; all of the scan where no model gave landmarks before."""
        if findings.landmarks is None:
            return grid
        from learning_functions.inference.landmarks.panoptic_masks import box_of_vertebrae

        return box_of_vertebrae(grid, findings.landmarks.only({*VERTEBRAE, "S1"}))


def _numbered(
    owners: NDArray[np.uint8], centres: NDArray[np.float64], patch: NDArray[np.int_], margin: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The number of each voxel's vertebra, and the centres by number (3 each).

    NaN where they lie outside the patch by more than ``margin`` voxels.
    """
    counts = np.bincount(owners.ravel(), minlength=len(centres))
    counts[ABSENT] = 0
    shown = [int(place) for place in np.argsort(-counts)[:MOST_CENTRES] if counts[place]]
    table = np.zeros(len(centres), np.uint8)
    points = np.full((MOST_CENTRES, 3), np.nan, np.float32)
    for number, place in enumerate(shown):
        table[place] = number + 1
        if ((centres[place] >= -0.5 - margin) & (centres[place] < patch - 0.5 + margin)).all():
            points[number] = centres[place]
    return table[owners], points.ravel()


TASK = PanopticTask()
