"""DICOM scans: the grid and the voxels of a series, from classic files of one slice or enhanced ones of many."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom_folder import dicom_files, slices_at
from utility_functions.files.dicom_folder import is_dicom as is_dicom
from utility_functions.files.dicom_folder import is_slice as is_slice
from utility_functions.files.dicom_folder import localiser_in as localiser_in
from utility_functions.files.dicom_folder import scans_in as scans_in
from utility_functions.files.dicom_header import read_header, text_of
from utility_functions.files.dicom_pixels import voxels_of
from utility_functions.files.dicom_stack import stacked
from utility_functions.files.stored_image import StoredImage
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume

log = logging.getLogger(__name__)

DESCRIBED = {
    "modality": "Modality",
    "patient": "PatientID",
    "study": "StudyInstanceUID",
    "frame": "FrameOfReferenceUID",
}


def is_series(folder: Path) -> bool:
    """Whether the folder itself holds a DICOM file."""
    return any(True for _ in dicom_files(folder))


def describe(path: Path) -> dict[str, str]:
    """Modality, patient, study and frame of reference of a DICOM file, or of a folder's first image; "" for none.

    A file that cannot be read raises no error here, so that it stops no other scan; reading the scan raises it.
    """
    for file in dicom_files(path) if path.is_dir() else (path,):
        try:
            header = read_header(file)
        except BrokenFile:
            continue
        if "Rows" in header:
            return {key: text_of(header, keyword) for key, keyword in DESCRIBED.items()}
    return dict.fromkeys(DESCRIBED, "")


def read_grid(path: Path) -> Grid:
    """Where the series' voxels lie, from headers alone."""
    return stacked(path, slices_at(path)).grid


def read_voxel_bytes(path: Path) -> int:
    """The bytes of a voxel as it is read: whole numbers of 16 bits, unless a slice has a broken scale."""
    return 2 if all(float(one.slope).is_integer() for one in slices_at(path)) else 4


def read_stored(path: Path) -> StoredImage:
    """The voxels of the series in ``path`` (a folder, or one of its files), in HU where the files say so.

    Slices that are missing, lie unevenly or lean are made regular by linear interpolation, which a warning tells.
    """
    stack = stacked(path, slices_at(path))
    voxels = voxels_of(stack.slices)
    for note in stack.notes:
        log.warning("%s: %s.", path, note)
    if not np.array_equal(stack.places, np.arange(voxels.shape[2])):
        voxels = _between(voxels, stack.places)
    if stack.leaning is not None:
        voxels = resample(Volume(voxels, stack.leaning), stack.grid, fill=float(voxels.min())).voxels
    return StoredImage(path, stack.grid, voxels)


def _between(voxels: NDArray[Any], places: NDArray[np.float64]) -> NDArray[Any]:
    """Slices (x, y, n) at places between those of (x, y, slices), by linear interpolation; integers stay integers."""
    nearest = np.rint(places).astype(int)
    found = voxels[:, :, nearest]
    for k in np.flatnonzero(places != nearest):
        lower = int(places[k])
        weight = places[k] - lower
        plane = voxels[:, :, lower] * (1 - weight) + voxels[:, :, lower + 1] * weight
        found[:, :, k] = np.rint(plane) if voxels.dtype.kind in "iu" else plane
    return found
