"""The part of the spine at each voxel of an image, from the label map of its scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_functions.spec import AIR_HU, padding_value_of
from utility_functions.anatomy.centroids import LABEL_CODES, require_known_labels
from utility_functions.anatomy.mr_parts import mr_parts, soft_parts
from utility_functions.anatomy.parts import DISC, vertebra_parts
from utility_functions.files.cases import Scan
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.phantom.tissue import TISSUES

EMPTY_HU = -950.0
"""No disc is so dark; such voxels lie out of the field of view."""


def level_map(scan: Scan, image: Volume) -> LabelMap:
    """The scan's label map on the image's grid. Raises: ValueError without one, or where its code has no levels."""
    ids = LABEL_CODES[scan.case.label_code]
    if scan.label_map is None or ids is None:
        lacking = "no label map" if scan.label_map is None else f"a label map in the code {scan.case.label_code}"
        raise ValueError(f"Parts of vertebrae are learnt from label maps that hold levels. Received: {lacking}.")
    require_known_labels(scan.label_map, scan.case.label_code)
    return resample(scan.label_map, image.grid)


def part_target(scan: Scan, landmarks: Landmarks, image: Volume, levels: LabelMap | None = None) -> NDArray[np.uint8]:
    """The part (code of anatomy/parts.py) of each voxel of ``image``, an upright image; no disc out of the scan.

    levels: what ``level_map`` gave, where it is known. Raises: ValueError as ``level_map`` does.
    """
    levels = level_map(scan, image) if levels is None else levels
    parts = vertebra_parts(landmarks, levels, LABEL_CODES[scan.case.label_code] or {})
    if padding_value_of(image.voxels) == AIR_HU:
        parts[(parts == DISC) & (image.voxels <= EMPTY_HU)] = 0
    return parts


def mr_part_target(
    scan: Scan, landmarks: Landmarks, image: Volume, levels: LabelMap, tissues: LabelMap | None
) -> NDArray[np.uint8]:
    """The part (code of anatomy/mr_parts.py) of each voxel of ``image``, an upright image, from labels and tissues.

    levels: what ``level_map`` gave; tissues: a phantom's on the same grid. Raises: ValueError without discs and canal.
    """
    soft = soft_parts(levels, scan.case.label_code, tissues, TISSUES)
    return mr_parts(landmarks, levels, soft, LABEL_CODES[scan.case.label_code] or {})
