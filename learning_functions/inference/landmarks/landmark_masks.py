"""A mask for each landmark: patches through the network in batches, and each voxel to its likeliest vertebra."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.iterative.patch_prediction import largest_piece
from learning_functions.inference.label_fusion import LabelFusion
from learning_functions.inference.landmarks.landmark_naming import scanned_heights, restricted_record
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.sliding_window import FIXED_GB, MOST_GB, bytes_per_voxel
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
"""More patches in a batch save no time."""
NOTHING = "No landmark of a vertebra was found, so no mask."


def masks_at_landmarks(network: Any, settings: Settings[MaskOptions], view: ScanView) -> StageFindings:
    """``instances`` of the vertebrae that have a landmark; VerSe ids, on the scan's own grid.

    network: sees (n, *patch, 2), image and landmark prompt, and answers (n, *patch, 1); asked through
    ``predict_on_batch``. Of each answer the largest piece above 0.5 is kept, its holes filled; a voxel that several
    claim goes to the highest probability, and of what is left of each again the largest piece. Sacrum found before
    stays where no vertebra is.
    Option truncated: "keep", "flag" or "drop" vertebrae whose masks reach the upper or lower end of the scan; dropped
    ones lose their landmarks too.
    """
    image, findings, truncated = view.image, view.findings, view.options.truncated
    named = (findings.landmarks or Landmarks.empty()).only(set(VERTEBRAE) & set(VERSE_IDS))
    fusion = LabelFusion(image.grid)
    for name, first, answer in _answers(network, settings, view, named):
        box, part = overlap(first, answer.shape, image.grid.shape)
        shown = answer[part]
        if shown.size:
            mask = ndimage.binary_fill_holes(largest_piece(shown > THRESHOLD))  # a vertebra's canal is open
            fusion.add(VERSE_IDS[name], first_of(box), mask, shown)
    voxels = fusion.labels()
    boxes = dict(enumerate(ndimage.find_objects(voxels), start=1))
    found = [name for name in named.names if boxes.get(VERSE_IDS[name]) is not None]
    cut = []
    for name in found:
        box, number = boxes[VERSE_IDS[name]], VERSE_IDS[name]
        mask = voxels[box] == number
        kept = largest_piece(mask)
        voxels[box][mask & ~kept] = 0
        if _reaches_the_end(np.argwhere(kept) + [axis.start for axis in box], image, view.padding_value):
            cut.append(name)
    lacking = [name for name in named.names if name not in found]
    told = StageFindings().noting(
        f"No mask was found of {', '.join(lacking)}." if lacking else "",
        truncation_note(cut, truncated),
        "" if len(named) else NOTHING,
    )
    if cut and truncated == "drop" and findings.landmarks is not None:
        voxels[np.isin(voxels, [VERSE_IDS[name] for name in cut])] = 0
        left = findings.landmarks.only(set(findings.landmarks.names) - set(cut))
        told = told.having(landmarks=left, naming=restricted_record(findings.naming, left))
    fusion.keep_only(voxels > 0)
    fusion.add_sacrum(findings)
    return told.having(instances=fusion.on(view.target_grid))


def _answers(
    network: Any, settings: Settings[MaskOptions], view: ScanView, named: Landmarks
) -> Iterator[tuple[str, NDArray[np.int_], NDArray[np.float16]]]:
    """Of each landmark its name, the first voxel of its patch, and the probabilities there."""
    patch, options, image = settings.spec.patch, settings.options, view.image
    room = max(min(view.options.memory_gb, MOST_GB) - FIXED_GB, 0.1) * 1e9
    at_once = int(np.clip(room / (bytes_per_voxel(network) * np.prod(patch, dtype=float)), 1, MOST_AT_ONCE))
    for start in range(0, len(named), at_once):
        part = named.at(range(start, min(start + at_once, len(named))))
        firsts = [centred_first(point, image.grid, patch, options.offset_mm) for point in part.points_mm]
        seen = np.empty((len(part), *patch, 2), np.float32)
        for place, (first, point) in enumerate(zip(firsts, part.points_mm, strict=True)):
            window = image.window(first, patch, fill=view.padding_value)
            seen[place, ..., 0] = window.voxels
            seen[place, ..., 1] = landmark_prompt(point, window.grid, options.sigma_mm)
        answers = np.asarray(network.predict_on_batch(seen))[..., 0]
        if options.mirrored_inference:
            mirrored = np.asarray(network.predict_on_batch(np.ascontiguousarray(seen[:, ::-1])))[:, ::-1, :, :, 0]
            answers = (answers + mirrored) / 2
        answers = answers.astype(np.float16)
        yield from zip(part.names, firsts, answers, strict=True)


def _reaches_the_end(where: NDArray[np.int_], image: Volume, padding: float) -> bool:
    """Whether a mask of voxels (n, 3) reaches the last slice that the scan shows there, above or below."""
    for end in (where[where[:, 2].argmin()], where[where[:, 2].argmax()]):
        low, high = scanned_heights(image, end, padding)
        if end[2] <= low or end[2] >= high:
            return True
    return False
