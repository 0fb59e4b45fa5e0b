"""NIfTI files: read by the raw header, with its two affines compared, and written with both."""

from __future__ import annotations

import gzip
import logging
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError
from nibabel.volumeutils import array_from_file
from numpy.typing import NDArray

from utility_functions.anatomy.body_size import size_problem
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.stored_image import (
    MOST_STRAIGHTENED_VOXELS,
    StoredImage,
    grid_of,
    require_spacing,
    three_axes,
)
from utility_functions.geometry.grid import Grid

log = logging.getLogger(__name__)

# Header sizes of NIfTI-1 and NIfTI-2, and where each keeps its magic letters.
FORMATS = {348: (nib.Nifti1Header, 344), 540: (nib.Nifti2Header, 4)}
MM_PER_UNIT = {1: 1000.0, 3: 0.001}  # metre, micrometre; anything else is mm
MOST_BEHIND = 2**28  # bytes behind the voxels that are read to get to the checksum
MOST_DEFLATED = 1032  # deflate never packs tighter than this
DIFFERENT_VOXELS = 0.05  # sform and qform that place a voxel this far apart are said to differ
READ_ERRORS = (OSError, EOFError, ValueError, zlib.error, HeaderDataError, OverflowError, MemoryError)


def read_grid(path: Path) -> Grid:
    """Where the voxels lie, from the header alone."""
    header = _read_header(path)
    return _grid(path, header)


def read_voxel_bytes(path: Path) -> int:
    """The bytes of a voxel in the file."""
    return int(_read_header(path)["bitpix"]) // 8


def read_stored(path: Path) -> StoredImage:
    """The voxels as stored, with their scale."""
    header = _read_header(path)
    grid = _grid(path, header)
    try:
        kind = header.get_data_dtype()
    except KeyError as error:
        raise BrokenFile(f"{path}: NIfTI data type {int(header['datatype'])} is unknown.") from error
    try:
        slope, intercept = header.get_slope_inter()
        size = path.stat().st_size * (MOST_DEFLATED if path.name.lower().endswith(".gz") else 1)
        if int(np.prod(grid.shape)) * kind.itemsize > size:
            raise EOFError("the file is too short for its header")
        with ImageOpener(path) as file:
            voxels = array_from_file(grid.shape, kind, file, header.get_data_offset(), mmap=False)
            if path.name.lower().endswith(".gz"):
                _read_to_checksum(file)
    except READ_ERRORS as error:
        raise BrokenFile(
            f"{path}: its voxels cannot be read, the file is truncated or damaged ({_reason(error)})."
        ) from error
    return StoredImage(path, grid, voxels, 1.0 if slope is None else float(slope), float(intercept or 0.0))


def _read_to_checksum(file: ImageOpener) -> None:
    """Read what follows the voxels in a gzip file: only at its end its checksum is compared.

    What is no gzip behind that is not looked at, as other readers do not. Raises: one of READ_ERRORS.
    """
    left = MOST_BEHIND
    try:
        while left > 0 and (more := file.read(2**20)):
            left -= len(more)
    except gzip.BadGzipFile as error:
        if not str(error).startswith("Not a gzipped file"):
            raise


def stored_of(image: nib.nifti1.Nifti1Pair, path: Path) -> StoredImage:
    """The voxels of an image that nibabel holds, placed by its header as those of a file are; ``path`` names it."""
    header = image.header.copy()
    grid = _grid(path, header)
    voxels = image.dataobj
    slope, intercept = 1.0, 0.0
    if nib.is_proxy(voxels):
        slope, intercept = float(voxels.slope), float(voxels.inter)
        try:
            voxels = voxels.get_unscaled()
        except READ_ERRORS as error:
            raise BrokenFile(f"{path}: its voxels cannot be read ({_reason(error)}).") from error
    return StoredImage(path, grid, np.asanyarray(voxels).reshape(grid.shape), slope, intercept)


def read_description(path: Path) -> str:
    """The free text of the header, at most 80 letters."""
    return bytes(_read_header(path)["descrip"]).rstrip(b"\0").decode("latin-1")


def write(path: Path, voxels: NDArray[Any], grid: Grid, description: str = "") -> None:
    """Write to ``path`` what ``image_of`` makes."""
    nib.save(image_of(voxels, grid, description), path)


def image_of(voxels: NDArray[Any], grid: Grid, description: str = "") -> nib.Nifti1Image:
    """An image with sform and qform code 1 and units of mm; ``description`` is the header's free text.

    ITK opens no sheared axes. Where the nearest axes at right angles move no voxel by more than a quarter (see
    `Grid.right_angled`), both transforms are those. On a grid that is sheared further, the sform alone tells the truth:
    the qform's code is 0, so that no reader uses it.
    """
    square = grid.right_angled()
    if not grid.differences(square, MOST_STRAIGHTENED_VOXELS):
        grid = square
    if voxels.dtype == np.int64:
        voxels = voxels.astype(np.int32)
    image = nib.Nifti1Image(voxels, grid.affine)
    header = image.header
    header.set_sform(grid.affine, code=1)
    header.set_qform(grid.affine, code=1)
    if not Grid(grid.shape, header.get_qform()).same_as(grid):
        header["qform_code"] = 0
    header.set_xyzt_units("mm")
    header["descrip"] = description.encode()
    return image


def _read_header(path: Path) -> Any:
    """The header as it stands in the file; nibabel's own repairs, which turn a spacing of 0 into 1, are not made."""
    try:
        with ImageOpener(path) as file:
            start = file.read(540)
            for size, (kind, magic) in FORMATS.items():
                if len(start) >= size and start[magic : magic + 3] in (b"n+1", b"n+2"):
                    return kind(start[:size], check=False)
    except READ_ERRORS as error:
        raise BrokenFile(f"{path}: cannot be read as NIfTI ({_reason(error)}).") from error
    raise BrokenFile(f"{path}: is not a NIfTI file, whatever its name says.")


def _grid(path: Path, header: Any) -> Grid:
    dim = [int(n) for n in header["dim"]]
    if not 1 <= dim[0] <= 7:
        raise BrokenFile(f"{path}: its NIfTI header claims {dim[0]} dimensions.")
    shape = three_axes(path, dim[1 : 1 + dim[0]])
    require_spacing(path, header["pixdim"][1:4])
    return grid_of(path, shape, _affine(path, header, shape))


def _affine(path: Path, header: Any, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """The sform where it has a code and is sound, else the qform, else spacing alone; doubts are logged as warnings."""
    if header["pixdim"][0] not in (-1, 1):
        header["pixdim"][0] = 1  # as the format's own header file reads it
    sform = header.get_sform(coded=True)[0]
    qform: NDArray[np.float64] | None = None
    try:
        qform = header.get_qform(coded=True)[0]
    except READ_ERRORS as error:
        if sform is None:
            raise BrokenFile(f"{path}: its orientation cannot be read ({_reason(error)}).") from error
        log.warning("%s: its qform cannot be read (%s); the sform is used.", path, _reason(error))
    scale = MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    if sform is not None and qform is not None and (wrong := _unsound(sform, shape, scale)):
        if not _unsound(qform, shape, scale):
            log.warning("%s: its sform cannot be right (%s); the qform is used.", path, wrong)
            sform = None
    elif sform is not None and qform is not None and (wrong := _unsound(qform, shape, scale)):
        log.warning("%s: its qform cannot be right (%s); the sform is used.", path, wrong)
        qform = None
    spacing = np.asarray(header["pixdim"][1:4], float)
    if sform is None and qform is None:
        log.warning(
            "%s: NO ORIENTATION IS KNOWN (sform and qform code are both 0); its axes are taken to run to the patient's "
            "right, anterior and superior, so left and right, and even the direction of the spine, may be wrong.",
            path,
        )
        affine = np.diag([*spacing, 1.0])
    elif sform is None:
        affine = np.asarray(qform)
    else:
        affine = sform
        if qform is not None:
            apart = _largest_distance(sform, qform, shape)
            if not apart <= DIFFERENT_VOXELS * spacing.min():
                log.warning("%s: sform and qform place voxels up to %.3g mm apart; the sform is used.", path, apart)
    if scale != 1.0:
        log.warning("%s: the header gives lengths in units of %g mm.", path, scale)
        affine = np.diag([scale, scale, scale, 1.0]) @ affine
    return np.asarray(affine, float)


def _unsound(affine: NDArray[np.float64], shape: tuple[int, int, int], scale: float) -> str:
    """Why an affine can place no scan, in words; "" where it can."""
    try:
        grid = Grid(shape, np.diag([scale, scale, scale, 1.0]) @ np.asarray(affine, float))
    except ValueError as error:
        return str(error).split(" Received")[0].rstrip(".")
    return size_problem(grid).rstrip(".")


def _largest_distance(one: NDArray[Any], other: NDArray[Any], shape: tuple[int, int, int]) -> float:
    """How far apart in mm the two affines place a corner voxel at most."""
    corners = np.array([[x, y, z, 1] for x in (0, shape[0] - 1) for y in (0, shape[1] - 1) for z in (0, shape[2] - 1)])
    return float(np.linalg.norm(corners @ (one - other).T, axis=1).max())


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
