"""The scan of a caller, from a path, an image of nibabel or SimpleITK, or an array with its affine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike

from utility_functions.anatomy.body_size import size_problem
from utility_functions.files import itk, nifti
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case, Scan, in_hounsfield_units, load_scan
from utility_functions.files.images import stem_of
from utility_functions.files.manifest import find_cases
from utility_functions.files.stored_image import StoredImage, grid_of, three_axes
from utility_functions.geometry.volume import Volume

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

    Image: TypeAlias = str | os.PathLike[str] | SpatialImage | sitk.Image | ArrayLike

NAME = "scan"
"""The name of a scan without a file."""


def scan_of(image: Image, affine: ArrayLike | None = None, name: str | None = None) -> Scan:
    """The scan, with its voxels as stored and its grid in RAS+ mm; annotations beside a file are not read.

    affine: of an array, 4x4, from the index of a voxel to its centre in RAS+ mm.
    name: the name of the scan and of its results; by default that of its file.
    Raises: ValueError, in one sentence, for what is not one scan.
    """
    if name is not None and (not name or Path(name).name != name):
        raise ValueError(f"The name of a scan is a plain file name, without folders. Received: {name!r}.")
    if affine is not None and (isinstance(image, str | os.PathLike | sitk.Image) or hasattr(image, "affine")):
        raise ValueError(f"An affine belongs to an array only. Received: an affine with {_kind(image)}.")
    if isinstance(image, str | os.PathLike):
        return _from_path(Path(image), name)
    path = Path(name or NAME)
    if isinstance(image, nib.spatialimages.SpatialImage):
        file = image.get_filename()
        if file is not None and name is None:
            path = Path(file)
        stored = _from_nibabel(image, path)
    elif isinstance(image, sitk.Image):
        stored = itk.stored_of(image, path)
    else:
        stored = _from_array(image, affine, path)
    if problem := size_problem(stored.grid):
        raise BrokenFile(f"{path}: {problem}")
    case = Case(name or stem_of(path), path)
    volume, notes = in_hounsfield_units(Volume(stored.intensities(), stored.grid), case.modality)
    return Scan(case, volume, notes=notes)


def _from_path(path: Path, name: str | None) -> Scan:
    cases = find_cases(path)
    if len(cases) != 1:
        raise ValueError(
            f"One scan is segmented at a time; call Pipeline.segment for each. Received: {path}, {len(cases)}."
        )
    [case] = cases
    if not case.has_image:
        raise ValueError(f"A scan needs an image, and this is a landmark file. Received: {path}.")
    scan = load_scan(case, annotations=False)
    return scan if name is None else Scan(_renamed(case, name), scan.volume, notes=scan.notes)


def _renamed(case: Case, name: str) -> Case:
    told, study, frame = case.modality_told, case.study, case.frame
    return Case(name, case.image_path, case.patient, case.modality, modality_told=told, study=study, frame=frame)


def _from_nibabel(image: SpatialImage, path: Path) -> StoredImage:
    if isinstance(image, nib.nifti1.Nifti1Pair):
        return nifti.stored_of(image, path)
    shape = three_axes(path, image.shape)
    return StoredImage(
        path, grid_of(path, shape, np.asarray(image.affine)), np.asanyarray(image.dataobj).reshape(shape)
    )


def _from_array(image: ArrayLike, affine: ArrayLike | None, path: Path) -> StoredImage:
    voxels = np.asarray(image)
    if voxels.dtype.kind not in "iufb" or voxels.ndim < 2:
        raise ValueError(
            "A scan is a path, an image of nibabel or SimpleITK, or an array of numbers with its affine. "
            f"Received: {_kind(image)}."
        )
    if affine is None:
        raise ValueError(
            "An array needs affine=..., the 4x4 matrix from the index of a voxel to RAS+ mm. "
            f"Received: an array of {voxels.shape} without it."
        )
    shape = three_axes(path, voxels.shape)
    return StoredImage(path, grid_of(path, shape, np.asarray(affine, np.float64)), voxels.reshape(shape))


def _kind(image: Any) -> str:
    return f"{type(image).__module__}.{type(image).__qualname__}".removeprefix("builtins.")
