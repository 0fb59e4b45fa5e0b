"""The parts of a sample: one entry each, which writer, reader, store and batches use.

A new part is one entry of PARTS and, where tasks give it, a field of its name in `task.Sample`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_functions.spec import OUTSIDE

SIGNATURE, FORMAT = "spine_samples", 1
"""The file signature: the attribute of a sample file, and its value, the version of the format."""

ArrayShape = tuple[int, ...]


class Layout(NamedTuple):
    """Dtype and shape of a part of one sample."""

    dtype: str
    shape: ArrayShape


@dataclass(frozen=True)
class SamplePart:
    """One part.

    name: of its dataset in the file, of its array in a batch, and of its field in a task's Sample.
    stored: converts a task's values to those stored. Raises: ValueError for values that cannot be stored.
    required: every sample has it; else all samples of a file do, or none.
    misfit: takes its shape, that of the inputs, and the number of its names; one sentence where they do not fit,
        else "".
    names_in: the attribute of the file that holds its names; such a part exists where it has names.
    whole: one or two figures per sample, written and read for all samples at once.
    on_request: read only where a caller requests it.
    batch_dtype: the dtype in a batch; None: as stored.
    padding: its value for voxels that augmentation moves in from outside the sample; None: it is not padded, or not by
        the same value in every file.
    augmented: whether augmentation returns it as a part of its own; memory becomes channels of the inputs.
    """

    name: str
    stored: Callable[[ArrayLike], NDArray[Any]]
    required: bool = False
    misfit: Callable[[ArrayShape, ArrayShape, int], str] | None = None
    names_in: str = ""
    whole: bool = False
    on_request: bool = False
    batch_dtype: str | None = None
    padding: int | None = None
    augmented: bool = False


def _intensities(values: ArrayLike) -> NDArray[np.int16]:
    """Intensities rounded to int16."""
    array = np.asarray(values)
    if array.dtype != np.int16:
        limits = np.iinfo(np.int16)
        if not (np.isfinite(array).all() and array.min() >= limits.min and array.max() <= limits.max):
            raise ValueError(
                f"Raw intensities are finite and within int16. Received: {array.min()} to {array.max()} {array.dtype}."
            )
        array = np.rint(array).astype(np.int16)
    return np.ascontiguousarray(array)


def _any_of(what: str, *allowed: str) -> Callable[[ArrayLike], NDArray[Any]]:
    """A function that keeps values of the permitted dtypes; bool becomes uint8, float32 float16 where permitted."""

    def stored(values: ArrayLike) -> NDArray[Any]:
        array = np.asarray(values)
        if array.dtype == bool:
            array = array.astype(np.uint8)
        elif array.dtype in (np.float32, np.float64) and "float16" in allowed:
            array = array.astype(np.float16)
        if array.dtype.name not in allowed:
            raise ValueError(f"{what} are stored as {' or '.join(allowed)}. Received: {array.dtype}.")
        return np.ascontiguousarray(array)

    return stored


def _tissues_misfit(shape: ArrayShape, inputs: ArrayShape, names: int) -> str:
    return "" if shape == inputs else f"Tissues have the shape of the inputs, {inputs}."


def _memory_misfit(shape: ArrayShape, inputs: ArrayShape, names: int) -> str:
    """Memory has one value per voxel of the inputs, or a last axis of several."""
    voxels = inputs[:-1]
    several = len(shape) == len(inputs) and shape[-1] > 1 and shape[:-1] == voxels
    return "" if shape == voxels or several else f"Memory has one or several values per voxel of the inputs, {voxels}."


def _numbers_misfit(shape: ArrayShape, inputs: ArrayShape, names: int) -> str:
    return "" if shape == (names,) else f"A sample has {names} numbers, one for each name."


INPUTS = SamplePart("inputs", _intensities, required=True)
"""Raw intensities, channels last."""
TARGETS = SamplePart("targets", _any_of("Targets", "uint8", "int16"), required=True, augmented=True)
WEIGHTS = SamplePart(
    "weights", _any_of("Weights", "float16", "uint8"), batch_dtype="float32", padding=0, augmented=True
)
MEMORY = SamplePart("memory", _any_of("Memory", "uint8"), misfit=_memory_misfit, padding=0)
"""One value for each voxel of the inputs, or several: the last channels of the network's input."""
NUMBERS = SamplePart(
    "numbers",
    lambda values: np.asarray(values, np.float32),
    misfit=_numbers_misfit,
    names_in="numbers_names",
    augmented=True,
)
"""One figure for each of the task's NUMBERS."""
TISSUES = SamplePart(
    "tissues",
    _any_of("Tissues", "uint8"),
    misfit=_tissues_misfit,
    names_in="tissues",
    on_request=True,
    padding=OUTSIDE,
)
"""The tissue of each voxel, a place among the file's names of tissues."""
PADDING = SamplePart("air", lambda values: np.asarray(values, np.float32), whole=True)
"""The padding value, a raw intensity; stored where any sample's is not the lowest of the spec's window."""
NORMALISATION = SamplePart("normalisation", lambda values: np.asarray(values, np.float64), required=True, whole=True)
"""Offset and scale of the intensities (2,), see Spec.normalise."""

PARTS = (INPUTS, TARGETS, WEIGHTS, MEMORY, NUMBERS, TISSUES, PADDING, NORMALISATION)
"""All parts, in their order in batches."""
PART_OF = {part.name: part for part in PARTS}
SAMPLED = tuple(part for part in PARTS if not part.whole)
"""The parts that tasks give, the fields of a Sample."""
