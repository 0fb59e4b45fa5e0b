"""NIfTI files with invalid values in single fields of their headers."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np


def nifti(path: Path, voxels: np.ndarray | None = None, **fields: object) -> None:
    """A valid NIfTI file with single fields of its header overwritten, not repaired by nibabel."""
    voxels = np.ones((4, 5, 6), np.int16) if voxels is None else voxels
    header = nib.Nifti1Header()
    header.set_data_dtype(voxels.dtype)
    header.set_data_shape(voxels.shape)
    header.set_sform(np.eye(4), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    for field, value in fields.items():
        header[field] = value
    path.write_bytes(header.binaryblock.ljust(352, b"\0") + voxels.tobytes(order="F"))
