"""Images and label maps on disk, each format by its own module, all with one geometry: RAS+ mm."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np

from utility_functions.files import dicom, itk, nifti
from utility_functions.files.atomic_write import written_whole
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.ras_lps import swap_lps_ras as swap_lps_ras
from utility_functions.files.stored_image import StoredImage, smallest_integer_type
from utility_functions.files.unfetched import ADVICE, absence_of, is_pointer
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

_FORMATS: dict[str, ModuleType] = {".nii.gz": nifti, ".nii": nifti, ".mha": itk, ".mhd": itk, ".nrrd": itk}
IMAGE_SUFFIXES = tuple(_FORMATS)
"""File name endings of images that can be read and written; DICOM series are recognised by their content."""
ANNOTATION_SUFFIXES = (".mrk.json", ".json", ".lml", ".csv")


def read_image(path: Path) -> Volume:
    """An image file, or the DICOM series in a folder (or to which one DICOM file belongs).

    Voxels stay in the stored orientation: int16 where whole numbers fit, else float32, scale factors applied.
    Raises: BrokenFile, in one sentence, for what cannot be used.
    """
    image = _read_stored(path)
    return Volume(image.intensities(), image.grid)


def read_label_map(path: Path) -> LabelMap:
    """A label map in the smallest integer type that holds its labels. Raises: BrokenFile."""
    image = _read_stored(path)
    return LabelMap(image.labels(), image.grid)


def read_grid(path: Path) -> Grid:
    """The grid of an image, from headers alone. Raises: BrokenFile."""
    path = Path(path)
    grid: Grid = _format_of(path).read_grid(path)
    return grid


def bytes_while_read(path: Path) -> tuple[float, float]:
    """For each voxel of an image the most memory while it is read, and that of the intensities, from its header."""
    path = Path(path)
    stored: int = _format_of(path).read_voxel_bytes(path)
    held = 2.0 if stored <= 2 else 4.0  # of whole numbers int16 may do, but the header does not tell
    return 2.0 * held if stored == held else stored + held, held


def write_image(volume: Volume, path: Path, description: str = "") -> None:
    """Write an image or label map in the format of the suffix, whole or not at all.

    Label maps are stored in the smallest integer type; images of 64-bit floats as 32-bit ones.
    description: free text for the header of a NIfTI file, the one format that has room for it.
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix is None:
        raise ValueError(f"An image is written as one of {', '.join(IMAGE_SUFFIXES)}. Received: {path}.")
    if description and _FORMATS[suffix] is not nifti:
        raise ValueError(f"A description is written to NIfTI files only. Received: {path}.")
    voxels = volume.voxels
    if isinstance(volume, LabelMap):
        voxels = voxels.astype(smallest_integer_type(voxels.min(), voxels.max()), copy=False)
    elif voxels.dtype == bool:
        voxels = voxels.astype(np.uint8)
    elif voxels.dtype.kind == "f":
        voxels = voxels.astype(np.float32, copy=False)
    with written_whole(path) as place:
        _FORMATS[suffix].write(place, voxels, volume.grid, *([description] if description else []))


def is_image(path: Path) -> bool:
    """Whether ``path`` is a file with an image's suffix, a DICOM file, or a folder that holds DICOM files."""
    path = Path(path)
    if path.is_dir():
        return dicom.is_series(path)
    return path.is_file() and (suffix_of(path) is not None or dicom.is_dicom(path))


def suffix_of(path: Path) -> str | None:
    """The image suffix that the file's name ends in (".nii.gz" as one), or None."""
    return next((suffix for suffix in IMAGE_SUFFIXES if path.name.lower().endswith(suffix)), None)


def stem_of(path: Path) -> str:
    """The name without an image's or annotation's suffix; a folder's name as it is."""
    name = Path(path).name or Path(path).resolve().name
    for suffix in (*IMAGE_SUFFIXES, *ANNOTATION_SUFFIXES, ".dcm"):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _read_stored(path: Path) -> StoredImage:
    path = Path(path)
    image: StoredImage = _format_of(path).read_stored(path)
    return image


def _format_of(path: Path) -> ModuleType:
    if not path.exists():
        raise BrokenFile(f"{path}: {absence_of(path)}")
    if is_pointer(path):
        raise BrokenFile(f"{path}: is a pointer to data that is not here; {ADVICE}.")
    if path.is_dir():
        return dicom
    suffix = suffix_of(path)
    if suffix is not None:
        return _FORMATS[suffix]
    if dicom.is_dicom(path):
        return dicom
    raise BrokenFile(f"{path}: is no image that can be read ({', '.join(IMAGE_SUFFIXES)}, or a DICOM series).")
