"""Masks of whole vertebrae from one pass of a panoptic network: voxels gather at the named centres they point to."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.label_fusion import LabelFusion
from learning_functions.inference.landmarks.end_neighbours import end_neighbours
from learning_functions.inference.landmarks.landmark_masks import reaches_the_end
from learning_functions.inference.landmarks.mask_pieces import CONSIDERED, cleaned, scaled
from learning_functions.inference.landmarks.mask_surface import SurfacePlacing
from learning_functions.inference.landmarks.panoptic_instances import found_instances
from learning_functions.inference.landmarks.panoptic_maps import CONTEXT_MM, PanopticMaps, panoptic_maps
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.truncation import truncation_note
from learning_functions.task import Settings
from learning_functions.task_options.panoptic_options import PanopticOptions
from utility_functions.anatomy.centre_votes import NONE, chosen_centres
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.parts import SACRUM
from utility_functions.geometry.boxes import Box, box_at, common, widened
from utility_functions.geometry.grid import Grid, direction_matrix
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import VertebraMap

REACH_MM = ((50.0, 50.0), (80.0, 45.0), (50.0, 50.0))
"""How far a vertebra reaches from the centre of its body: left and right, back and front, down and up."""
NOTHING = "No landmark of a vertebra was found, so no mask."


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


def panoptic_masks(network: keras.Model, settings: Settings[PanopticOptions], view: ScanView) -> StageFindings:
    """``instances`` of the vertebrae that have a landmark and, where S1 has one, of the sacrum, and ``detection``.

    network: that of ``single_output``. The masks are VerSe ids on the scan's own grid; the detection holds the
    probabilities of the parts in the box round the vertebrae, on the network's grid. Where no model before gave
    landmarks, the whole scan is looked at, and the vertebrae are found and named, too (``found_instances``).
    """
    if view.findings.landmarks is None:
        return found_instances(panoptic_maps(network, settings, view), settings, view)
    if not len(_named(view).only(VERTEBRAE)):
        nothing = VertebraMap(np.zeros(view.target_grid.shape, np.uint8), view.target_grid)
        return StageFindings(instances=nothing).noting(NOTHING)
    maps = panoptic_maps(network, settings, view)
    return gathered_masks(maps, settings, view).having(detection=maps.parts)


def gathered_masks(maps: PanopticMaps, settings: Settings[PanopticOptions], view: ScanView) -> StageFindings:
    """``instances``: each voxel that is vertebra goes to the landmark nearest to the centre that it points to.

    So do the voxels of the next vertebra above and below, which has no landmark where the border truncates it. Of each
    mask small pieces are discarded and holes filled; then its surface is placed where the options tell how.
    """
    image, given, threshold = view.image, _named(view), settings.options.threshold
    beyond = end_neighbours(maps, given, threshold)
    named = Landmarks((*given.names, *beyond.names), np.concatenate([given.points_mm, beyond.points_mm]))
    vertebra = maps.vertebra
    owner = _owners(vertebra > CONSIDERED * threshold, maps, named)
    place = SurfacePlacing(settings, image, maps)
    fusion, truncated, missing = LabelFusion(image.grid), [], []
    boxes = ndimage.find_objects(owner, len(named))
    for number, (name, box) in enumerate(zip(named.names, boxes, strict=True), start=1):
        if box is None and name != "S1":
            missing += [name] * (name in given)
            continue
        if name == "S1":  # its body belongs to the sacrum, most of which votes for nobody
            box = place.widened(_box_of((owner == number) | (maps.every[..., SACRUM] > CONSIDERED * threshold)))
            sacrum = maps.every[box][..., SACRUM].astype(np.float32)
            probability = np.where(owner[box] == number, vertebra[box], 0) + sacrum
        else:
            box = place.widened(box)
            probability = np.where(owner[box] == number, vertebra[box], 0)
        mask = cleaned(probability >= threshold)
        if not mask.any():
            missing += [name] * (name in given)
            continue
        first = [axis.start for axis in box]
        mask, probabilities = place(box, mask, scaled(probability, threshold), sacral=name == "S1")
        fusion.add(VERSE_IDS[name], first, mask, probabilities)
        if name != "S1" and reaches_the_end(np.argwhere(mask) + first, image, view.padding_value):
            truncated.append(name)
    return StageFindings(instances=fusion.on(view.target_grid)).noting(
        f"No mask was found of {', '.join(missing)}." if missing else "",
        truncation_note(truncated, view.options.truncated),
    )


def _box_of(mask: NDArray[np.bool_]) -> Box:
    """The box round a mask and the voxels beside it; an empty one where there is none."""
    [box] = ndimage.find_objects(mask.astype(np.uint8)) or [(slice(0, 0),) * mask.ndim]
    return common(widened(box, 1), box_at((0,) * mask.ndim, mask.shape))


def _named(view: ScanView) -> Landmarks:
    return (view.findings.landmarks or Landmarks.empty()).only({*VERTEBRAE, "S1"})


def _owners(considered: NDArray[np.bool_], maps: PanopticMaps, named: Landmarks) -> NDArray[np.uint8]:
    """The number of the landmark, from 1 on, that each considered voxel votes for; 0: none."""
    where = np.nonzero(considered)
    owner = np.zeros(maps.grid.shape, np.uint8)
    owner[where] = chosen_centres(maps.votes_mm(where), named.names, named.points_mm) - NONE
    return owner
