"""MetaImage and NRRD files, by SimpleITK."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.files.stored_image import StoredImage, grid_of, require_spacing, three_axes
from utility_functions.files.text_headers import require_sound_header
from utility_functions.geometry.grid import Grid

log = logging.getLogger(__name__)

MOST_DEFLATED = 1032  # deflate never packs tighter than this
MOST_OF_A_HEADER = 2**16
FREE_VOXELS = 2**24
PATIENT_SPACES = ("left-posterior-superior",)  # what ITK turns every anatomical NRRD space into


def read_grid(path: Path) -> Grid:
    """Where the voxels lie, from the header alone."""
    reader = _header(path)
    grid = _grid(path, reader)
    if path.suffix.lower() == ".nrrd":
        space = reader.GetMetaData("NRRD_space") if reader.HasMetaDataKey("NRRD_space") else "no space"
        if space not in PATIENT_SPACES:
            log.warning(
                "%s: NO ORIENTATION IS KNOWN (NRRD header: %s); its axes are taken as left, posterior, superior.",
                path,
                space,
            )
    return grid


def read_voxel_bytes(path: Path) -> int:
    """The bytes of a voxel in the file."""
    reader = _header(path)
    return int(sitk.Image((1, 1, 1), reader.GetPixelID(), reader.GetNumberOfComponents()).GetSizeOfPixelComponent())


def _header(path: Path) -> sitk.ImageFileReader:
    """A reader that has read what stands before the voxels, once that was found sound."""
    require_sound_header(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise BrokenFile(f"{path}: is not a readable {path.suffix} image.") from error
    return reader


def read_stored(path: Path) -> StoredImage:
    """The voxels as stored."""
    grid = read_grid(path)
    _require_data(path, grid)
    try:
        voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    except (RuntimeError, MemoryError) as error:
        raise BrokenFile(
            f"{path}: its voxels cannot be read, the file is truncated, damaged or without its data."
        ) from error
    return StoredImage(path, grid, voxels.T.reshape(grid.shape, order="F"))


def _require_data(path: Path, grid: Grid) -> None:
    """Raise a BrokenFile where no compression could pack so many voxels into the file, and those beside it.

    ITK takes the memory of all voxels before it reads the first.
    """
    size = path.stat().st_size
    if size < MOST_OF_A_HEADER:  # the voxels may lie in files beside it
        size += sum(file.stat().st_size for file in path.parent.iterdir() if file != path and file.is_file())
    if math.prod(grid.shape) > max(FREE_VOXELS, MOST_DEFLATED * size):
        raise BrokenFile(f"{path}: its voxels cannot be read, the file is too short for its header.")


def stored_of(image: sitk.Image, path: Path) -> StoredImage:
    """The voxels of an image that SimpleITK holds; ``path`` names it."""
    grid = _grid(path, image)
    return StoredImage(path, grid, sitk.GetArrayFromImage(image).T.reshape(grid.shape, order="F"))


def write(path: Path, voxels: NDArray[Any], grid: Grid) -> None:
    """Write to ``path``, compressed, in the format of its suffix."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))
    affine = swap_lps_ras(grid.affine)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / np.asarray(grid.spacing_mm)).ravel().tolist())
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise OSError(f"{path} cannot be written.") from error


def _grid(path: Path, held: sitk.Image | sitk.ImageFileReader) -> Grid:
    """Where the voxels of an image lie, or of the file whose header was read."""
    shape = three_axes(path, held.GetSize())
    components = held.GetNumberOfComponentsPerPixel() if isinstance(held, sitk.Image) else held.GetNumberOfComponents()
    if components != 1:
        raise BrokenFile(f"{path}: each voxel must be one number, but the file stores {components}.")
    spacing = held.GetSpacing()[:3]
    require_spacing(path, spacing)
    n = held.GetDimension()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(held.GetDirection(), (n, n))[:3, :3] * np.asarray(spacing)
    affine[:3, 3] = held.GetOrigin()[:3]
    return grid_of(path, shape, swap_lps_ras(affine))
