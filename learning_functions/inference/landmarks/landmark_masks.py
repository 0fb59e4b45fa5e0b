"""A mask for each landmark: prompted patches go through the network in batches, and labels are fused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.iterative.patch_prediction import largest_piece
from learning_functions.inference.label_fusion import LabelFusion
from learning_functions.inference.landmarks.landmark_naming import restricted_record, scanned_heights
from learning_functions.inference.pass_memory import patches_at_once
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.truncation import truncation_note
from learning_functions.task import Settings
from learning_functions.task_options.mask_options import MaskOptions
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.landmark_prompt import centred_first, landmark_prompt
from utility_functions.geometry.boxes import first_of, overlap
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import StageFindings

THRESHOLD = 0.5
MOST_AT_ONCE = 8
"""On the processor more patches in a batch save no time."""
NOTHING = "No landmark of a vertebra was found, so no mask."


def masks_at_landmarks(network: Any, settings: Settings[MaskOptions], view: ScanView) -> StageFindings:
    """``instances`` of the vertebrae that have a landmark; VerSe ids, on the scan's own grid.

    network: input (n, *patch, 2), image and landmark prompt; output (n, *patch, 1); called through
    ``predict_on_batch``. Of each output the largest component above 0.5 is kept, with its holes filled. A voxel of
    several masks goes to the highest probability, and of each fused mask again the largest component is kept. The
    sacrum found before stays where no vertebra is.
    Option truncated: "keep", "flag" or "drop" vertebrae whose masks reach the upper or lower end of the scan; dropped
    ones lose their landmarks, too.
    """
    image, findings, truncated = view.image, view.findings, view.options.truncated
    named = (findings.landmarks or Landmarks.empty()).only(set(VERTEBRAE) & set(VERSE_IDS))
    fusion = LabelFusion(image.grid)
    for name, first, output in _outputs(network, settings, view, named):
        box, part = overlap(first, output.shape, image.grid.shape)
        visible = output[part]
        if visible.size:
            mask = ndimage.binary_fill_holes(largest_piece(visible > THRESHOLD))  # a vertebra's canal is open
            fusion.add(VERSE_IDS[name], first_of(box), mask, visible)
    voxels = fusion.labels()
    boxes = dict(enumerate(ndimage.find_objects(voxels), start=1))
    found = [name for name in named.names if boxes.get(VERSE_IDS[name]) is not None]
    truncated_names = []
    for name in found:
        box, number = boxes[VERSE_IDS[name]], VERSE_IDS[name]
        mask = voxels[box] == number
        kept = largest_piece(mask)
        voxels[box][mask & ~kept] = 0
        if reaches_the_end(np.argwhere(kept) + [axis.start for axis in box], image, view.padding_value):
            truncated_names.append(name)
    missing = [name for name in named.names if name not in found]
    result = StageFindings().noting(
        f"No mask was found of {', '.join(missing)}." if missing else "",
        truncation_note(truncated_names, truncated),
        "" if len(named) else NOTHING,
    )
    if truncated_names and truncated == "drop" and findings.landmarks is not None:
        voxels[np.isin(voxels, [VERSE_IDS[name] for name in truncated_names])] = 0
        remaining = findings.landmarks.only(set(findings.landmarks.names) - set(truncated_names))
        result = result.having(landmarks=remaining, naming=restricted_record(findings.naming, remaining))
    fusion.keep_only(voxels > 0)
    fusion.add_sacrum(findings)
    return result.having(instances=fusion.on(view.target_grid))


def _outputs(
    network: Any, settings: Settings[MaskOptions], view: ScanView, named: Landmarks
) -> Iterator[tuple[str, NDArray[np.int_], NDArray[np.float16]]]:
    """For each landmark its name, the first voxel of its patch, and the probabilities there."""
    patch, options, image = settings.spec.patch, settings.options, view.image
    at_once = patches_at_once(network, patch, view.device, view.options.memory_gb, MOST_AT_ONCE)
    for start in range(0, len(named), at_once):
        part = named.at(range(start, min(start + at_once, len(named))))
        firsts = [centred_first(point, image.grid, patch, options.offset_mm) for point in part.points_mm]
        inputs = np.empty((len(part), *patch, 2), np.float32)
        for place, (first, point) in enumerate(zip(firsts, part.points_mm, strict=True)):
            window = image.window(first, patch, fill=view.padding_value)
            inputs[place, ..., 0] = window.voxels
            inputs[place, ..., 1] = landmark_prompt(point, window.grid, options.sigma_mm)
        outputs = np.asarray(network.predict_on_batch(inputs))[..., 0]
        if options.mirrored_inference:
            mirrored = np.asarray(network.predict_on_batch(np.ascontiguousarray(inputs[:, ::-1])))[:, ::-1, :, :, 0]
            outputs = (outputs + mirrored) / 2
        outputs = outputs.astype(np.float16)
        yield from zip(part.names, firsts, outputs, strict=True)


def reaches_the_end(where: NDArray[np.int_], image: Volume, padding: float) -> bool:
    """Whether the voxels of a mask (n, 3) reach the last slice that the scan shows there, above or below."""
    for end in (where[where[:, 2].argmin()], where[where[:, 2].argmax()]):
        low, high = scanned_heights(image, end, padding)
        if end[2] <= low or end[2] >= high:
            return True
    return False
