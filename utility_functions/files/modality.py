"""Whether a scan is CT or MR: what DICOM or a manifest tells, else its intensities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.hounsfield import doubt_of_hu, offset_of
from utility_functions.files.cases import Case

CT_HU = -40.0
"""In CT one voxel in a hundred is darker than this: fat and air are. In MR next to none is, whatever its scale."""
SAMPLED = 500_000


def decided_modality(case: Case, voxels: NDArray[Any]) -> str:
    """ "CT", "MR" or another of DICOM's codes; voxels: the intensities of the scan.

    What is told is believed. A file's name decides only for modalities other than these two, and only where the
    intensities are no Hounsfield units.
    """
    if case.modality_told:
        return case.modality
    if case.modality not in ("CT", "MR") and doubt_of_hu(voxels):
        return case.modality
    return "CT" if offset_of(voxels) or _has_fat_and_air(voxels) else "MR"


def _has_fat_and_air(voxels: NDArray[Any]) -> bool:
    step = max(round((voxels.size / SAMPLED) ** (1 / 3)), 1)
    return bool(np.percentile(voxels[::step, ::step, ::step], 1) < CT_HU)
