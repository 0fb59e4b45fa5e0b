"""Masks of whole vertebrae from one pass of a panoptic network: voxels gather at the named centres they point to."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.label_fusion import LabelFusion
from learning_functions.inference.landmarks.landmark_masks import reaches_the_end
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.sliding_window import run_tiles
from learning_functions.inference.truncation import truncation_note
from learning_functions.task import Settings
from learning_functions.task_options.panoptic_options import PanopticOptions
from utility_functions.anatomy.centre_votes import NONE, chosen_centres
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.parts import SACRUM, VERTEBRA
from utility_functions.geometry.grid import Grid, direction_matrix
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import ClassProbabilities, PartMap, VertebraMap

MM_PER_CM = 10.0
REACH_MM = ((50.0, 50.0), (80.0, 45.0), (50.0, 50.0))
"""How far a vertebra reaches from the centre of its body: left and right, back and front, down and up."""
CONTEXT_MM = 16.0
"""What the network sees around that."""
CONSIDERED = 0.2
"""Voxels less likely to be vertebra than this fraction of the threshold belong to none."""
LEAST_PIECE = 0.1
"""A piece of a mask smaller than this fraction of its largest piece is discarded."""
NOTHING = "No landmark of a vertebra was found, so no mask."


def single_output(network: keras.Model) -> keras.Model:
    """The network with parts and offsets side by side (batch, *patch, classes + 3), both for each voxel."""
    from keras_models.panoptic_unet import OFFSETS_OUTPUT, PARTS_OUTPUT, REDUCTION

    outputs = dict(zip(network.output_names, network.outputs, strict=True))
    offsets = keras.layers.UpSampling3D(REDUCTION, name="offsets_of_voxels")(outputs[OFFSETS_OUTPUT])
    joined = keras.layers.Concatenate(name="parts_and_offsets")([outputs[PARTS_OUTPUT], offsets])
    return keras.Model(network.inputs, joined, name=network.name)


def box_of_vertebrae(grid: Grid, landmarks: Landmarks) -> Grid:
    """The part of an upright grid in which the vertebrae of ``landmarks`` lie, with context for the network."""
    if not len(landmarks):
        return grid.window((0, 0, 0), np.minimum(grid.shape, 1))
    index = grid.to_index(landmarks.points_mm)
    corners = [np.array(REACH_MM)[:, end] + CONTEXT_MM for end in (0, 1)]
    ras = np.array([-corners[0], corners[1]]) @ direction_matrix(grid.axcodes) / grid.spacing_mm
    first = np.maximum(np.floor(index.min(axis=0) + ras.min(axis=0)), 0).astype(int)
    last = np.minimum(np.ceil(index.max(axis=0) + ras.max(axis=0)) + 1, grid.shape).astype(int)
    return grid.window(first, np.maximum(last - first, 1))


@dataclass(frozen=True, eq=False)
class PanopticMaps:
    """What a panoptic network predicts in an image, on its grid.

    parts: the probabilities of the parts. offsets: (x, y, z, 3) float16, from each voxel to the centre of its vertebra
    along the axes of the grid, in cm.
    """

    parts: ClassProbabilities
    offsets: NDArray[np.float16]


def panoptic_masks(network: keras.Model, settings: Settings[PanopticOptions], view: ScanView) -> StageFindings:
    """``instances`` of the vertebrae that have a landmark and, where S1 has one, of the sacrum, and ``detection``.

    network: that of ``single_output``. The masks are VerSe ids on the scan's own grid; the detection holds the
    probabilities of the parts in the box round the vertebrae, on the network's grid.
    """
    if not len(_named(view).only(VERTEBRAE)):
        nothing = VertebraMap(np.zeros(view.target_grid.shape, np.uint8), view.target_grid)
        return StageFindings(instances=nothing).noting(NOTHING)
    maps = panoptic_maps(network, len(settings.spec.labels), view)
    return gathered_masks(maps, settings.options.threshold, view).having(detection=maps.parts)


def panoptic_maps(network: keras.Model, classes: int, view: ScanView) -> PanopticMaps:
    """The network's predictions in the view's image, in tiles; ``classes``: of its parts."""
    image = view.image
    margin = [round(CONTEXT_MM / step) for step in image.grid.spacing_mm]
    memory, padding = view.options.memory_gb, view.padding_value
    found = run_tiles(network, image.voxels[..., None], margin, memory, _halved, padding, device=view.device)
    parts, offsets = (found[..., part].astype(np.float16) for part in (slice(classes), slice(classes, None)))
    return PanopticMaps(ClassProbabilities(parts, image.grid, PartMap), offsets)


def gathered_masks(maps: PanopticMaps, threshold: float, view: ScanView) -> StageFindings:
    """``instances``: each voxel that is vertebra goes to the landmark nearest to the centre that it points to.

    Of each mask small pieces are discarded and holes filled. threshold: the least probability of a mask's voxels.
    """
    image, named = view.image, _named(view)
    vertebra = maps.parts.voxels[..., VERTEBRA].astype(np.float32).sum(axis=-1)
    owner = _owners(vertebra > CONSIDERED * threshold, maps.offsets, image.grid, named)
    sacrum = maps.parts.voxels[..., SACRUM].astype(np.float32)
    fusion, truncated, missing = LabelFusion(image.grid), [], []
    boxes = ndimage.find_objects(owner, len(named))
    for number, (name, box) in enumerate(zip(named.names, boxes, strict=True), start=1):
        if box is None and name != "S1":
            missing.append(name)
            continue
        if name == "S1":  # its body belongs to the sacrum, most of which votes for nobody
            box = tuple(slice(0, size) for size in owner.shape)
            probability = np.where(owner == number, vertebra, 0) + sacrum
        else:
            probability = np.where(owner[box] == number, vertebra[box], 0)
        mask = _cleaned(probability >= threshold)
        if not mask.any():
            missing.append(name)
            continue
        first = [axis.start for axis in box]
        fusion.add(VERSE_IDS[name], first, mask, _scaled(probability, threshold))
        if name != "S1" and reaches_the_end(np.argwhere(mask) + first, image, view.padding_value):
            truncated.append(name)
    return StageFindings(instances=fusion.on(view.target_grid)).noting(
        f"No mask was found of {', '.join(missing)}." if missing else "",
        truncation_note(truncated, view.options.truncated),
    )


def _named(view: ScanView) -> Landmarks:
    return (view.findings.landmarks or Landmarks.empty()).only({*VERTEBRAE, "S1"})


def _owners(
    considered: NDArray[np.bool_], offsets: NDArray[np.float16], grid: Grid, named: Landmarks
) -> NDArray[np.uint8]:
    """The number of the landmark, from 1 on, that each considered voxel votes for; 0: none."""
    where = np.nonzero(considered)
    step = MM_PER_CM / np.asarray(grid.spacing_mm, np.float32)
    votes = np.stack(where, axis=1) + offsets[where].astype(np.float32) * step
    owner = np.zeros(grid.shape, np.uint8)
    owner[where] = chosen_centres(grid.to_mm(votes), named.names, named.points_mm) - NONE
    return owner


def _halved(found: NDArray[np.float32]) -> NDArray[np.float16]:
    return found.astype(np.float16)


def _scaled(probability: NDArray[np.float32], threshold: float) -> NDArray[np.float16]:
    """Probabilities whose threshold has become one half."""
    below, above = 0.5 * probability / threshold, 0.5 + 0.5 * (probability - threshold) / (1 - threshold)
    return np.asarray(np.where(probability < threshold, below, above), np.float16)


def _cleaned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without small pieces, its holes filled."""
    pieces, count = ndimage.label(mask)
    if count > 1:
        sizes = np.bincount(pieces.ravel())[1:]
        mask = np.isin(pieces, 1 + np.flatnonzero(sizes >= LEAST_PIECE * sizes.max()))
    return np.asarray(ndimage.binary_fill_holes(mask))
