"""The voxels of DICOM slices by pydicom, compressed ones too, each slice with its own scale applied."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels import pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.dicom_bounds import require_pixels
from utility_functions.files.dicom_header import FAILURES, count_of
from utility_functions.files.dicom_stack import Slice

FILES_AT_ONCE = 4
"""Files that are kept decoded, since the frames of some may lie between those of others."""


def voxels_of(slices: Sequence[Slice]) -> NDArray[Any]:
    """The intensities (columns, rows, slices); files of several frames are decoded once. Raises: BrokenFile."""
    found: NDArray[Any] = np.empty(0, np.int16)
    stored = lru_cache(FILES_AT_ONCE)(_stored)
    for place, one in enumerate(slices):
        frames = stored(one.path)
        plane = frames if one.frame is None else frames[one.frame]
        if plane.shape != one.shape[::-1]:
            raise BrokenFile(f"{one.path}: its voxels cannot be read, the file is truncated or damaged.")
        scaled = _scaled(plane, one.slope, one.intercept)
        if not place:
            found = np.empty((*one.shape, len(slices)), scaled.dtype, order="F")
        if (common := np.result_type(found, scaled)) != found.dtype:
            found = found.astype(common, order="F")
        found[..., place] = scaled.T
    return found


def _stored(path: Path) -> NDArray[Any]:
    """The stored values of a file (rows, columns) or (frames, rows, columns)."""
    try:
        dataset = dcmread(path, force=True)
        syntax = _transfer_syntax(dataset)
        sides = [count_of(dataset, name, 1) for name in ("Rows", "Columns", "SamplesPerPixel")]
        frames = int(dataset.get("NumberOfFrames") or 1)
        require_pixels(path, prod(sides) * frames * max(count_of(dataset, "BitsAllocated", 16), 8) // 8)
        return _of_stored_bits(pixel_array(dataset, raw=True), dataset)
    except BrokenFile:
        raise
    except RuntimeError as error:
        name = syntax.name if syntax.is_compressed else "not compressed"
        raise BrokenFile(f"{path}: its voxels cannot be decoded ({name}).") from error
    except (*FAILURES, MemoryError, IndexError) as error:
        raise BrokenFile(f"{path}: its voxels cannot be read, the file is truncated or damaged.") from error


def _transfer_syntax(dataset: Dataset) -> UID:
    """How the file is encoded; a data set without a meta header gets what it was read as."""
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return UID(str(dataset.file_meta.TransferSyntaxUID))


def _of_stored_bits(values: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Integers without what lies in bits that do not belong to the image, such as old overlays."""
    if values.dtype.kind not in "iu":
        return values
    allocated = values.dtype.itemsize * 8
    stored = count_of(dataset, "BitsStored", allocated)
    above = allocated - 1 - count_of(dataset, "HighBit", stored - 1)
    if not 0 < stored < allocated or above < 0:
        return values
    return (values << above) >> (allocated - stored)


def _scaled(plane: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """stored * slope + intercept: int16 or int32 where these are whole numbers, else float32."""
    if plane.dtype.kind not in "iu" or slope != int(slope) or intercept != int(intercept):
        return np.asarray(plane.astype(np.float64) * slope + intercept, np.float32)
    values = plane.astype(np.int64) * int(slope) + int(intercept)
    small = int(values.min()) >= -(2**15) and int(values.max()) < 2**15
    return values.astype(np.int16 if small else np.int32)
