"""Writing the HDF5 file that samples are kept in: whole or not at all."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_functions.spec import Spec
from utility_functions.files.atomic_write import written_whole
from utility_functions.reporting.versions import versions

MARK, FORMAT = "spine_samples", 1
OPTIONAL = ("weights", "tissues", "memory", "numbers")
"""What samples may have beside inputs and targets: all of a file or none."""
COMPRESSIONS: dict[str, dict[str, Any]] = {
    "gzip": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "lzf": {"compression": "lzf", "shuffle": True},
    "none": {},
}


class SampleWriter:
    """Collects samples beside ``path`` and puts the finished file there when the ``with`` block ends well.

    After an error the final path is as it was. Raises ValueError when no sample came.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        task: str,
        spec: Spec,
        settings: dict[str, Any] | None = None,
        seed: int = 0,
        split: str = "",
        compression: str = "gzip",
        tissue_names: Sequence[str] = (),
        numbers_names: Sequence[str] = (),
        cropped_by: Sequence[Mapping[str, str]] = (),
    ) -> None:
        if compression not in COMPRESSIONS:
            raise ValueError(f"Samples are compressed by {', '.join(COMPRESSIONS)}. Received: {compression!r}.")
        self.path = Path(path)
        self.count = 0
        self._compression = COMPRESSIONS[compression]
        self._header = {
            "task": task,
            "spec": _as_json(spec.to_json()),
            "settings": _as_json(settings or {}),
            "seed": int(seed),
            "versions": _as_json(versions()),
            "split": split,
        }
        if tissue_names:
            self._header["tissues"] = _as_json(list(tissue_names))
        if numbers_names:
            self._header["numbers_names"] = _as_json(list(numbers_names))
        if cropped_by:
            self._header["cropped_by"] = _as_json(list(cropped_by))
        self._numbers = len(numbers_names)
        self._cases: dict[str, tuple[int, str]] = {}
        self._normalisation: list[tuple[float, float]] = []
        self._lowest = spec.window[0]
        self._air: list[float] = []
        self._case: list[int] = []
        self._optional = {**dict.fromkeys(OPTIONAL, False), "tissues": bool(tissue_names), "numbers": self._numbers > 0}

    def __enter__(self) -> SampleWriter:
        self._stack = ExitStack()
        beside = self._stack.enter_context(written_whole(self.path))
        self._file = self._stack.enter_context(h5py.File(beside, "w"))
        return self

    def append(
        self,
        inputs: ArrayLike,
        targets: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        normalisation: tuple[float, float],
        air: float | None = None,
        case_id: str,
        patient: str = "",
        tissues: ArrayLike | None = None,
        memory: ArrayLike | None = None,
        numbers: ArrayLike | None = None,
    ) -> None:
        """Adds one sample.

        inputs: raw intensities with channels last, rounded to int16.
        targets: uint8 (or bool) or int16; weights: float16 (or float32), uint8 or bool, for all samples or for none.
        normalisation: offset and scale, see Spec.normalise. air: the raw intensity where the scan ends, None for the
            lowest of the spec's window; kept only where any differs from that.
        tissues: uint8 of the shape of ``inputs``, places in the writer's tissue_names; for all samples if it has any.
        memory: uint8 or bool, one per voxel of ``inputs`` (no channels) or several, for all samples or for none.
        numbers: float32 (k,), one for each of the writer's numbers_names; for all samples if it has any.
        """
        arrays = {"inputs": _as_int16(inputs), "targets": _plain(targets, ("uint8", "int16"), "Targets")}
        if weights is not None:
            arrays["weights"] = _plain(weights, ("float16", "uint8"), "Weights")
        if tissues is not None:
            arrays["tissues"] = _plain(tissues, ("uint8",), "Tissues")
        if memory is not None:
            arrays["memory"] = _plain(memory, ("uint8",), "Memory")
        if numbers is not None:
            arrays["numbers"] = np.asarray(numbers, np.float32)
        self._require_fit(arrays, case_id)
        if self.count == 0:
            self._optional |= {name: name in arrays for name in ("weights", "memory")}
            for name, array in arrays.items():
                shape = array.shape
                self._file.create_dataset(
                    name, (0, *shape), array.dtype, maxshape=(None, *shape), chunks=(1, *shape), **self._compression
                )
        for name, wanted in self._optional.items():
            if wanted != (name in arrays):
                raise ValueError(f"Either every sample has {name} or none has. Received: {case_id} unlike the others.")
        for name, array in arrays.items():
            dataset = self._file[name]
            if (array.shape, array.dtype) != (dataset.shape[1:], dataset.dtype):
                raise ValueError(
                    f"All samples have {name} of {dataset.shape[1:]} {dataset.dtype}. "
                    f"Received: {array.shape} {array.dtype} from {case_id}."
                )
        offset, scale = (float(value) for value in normalisation)
        if not (np.isfinite(offset) and np.isfinite(scale) and scale > 0):
            raise ValueError(
                f"Normalisation is an offset and a scale above zero. Received: {normalisation} from {case_id}."
            )
        known = self._cases.setdefault(case_id, (len(self._cases), patient or case_id))
        if known[1] != (patient or case_id):
            raise ValueError(f"A case has one patient. Received: {patient!r} and {known[1]!r} for {case_id}.")
        for name, array in arrays.items():
            dataset = self._file[name]
            dataset.resize(self.count + 1, 0)
            dataset.write_direct(array, dest_sel=np.s_[self.count])
        self._normalisation.append((offset, scale))
        self._air.append(self._lowest if air is None else max(float(air), self._lowest))
        self._case.append(known[0])
        self.count += 1

    def _require_fit(self, arrays: dict[str, NDArray[Any]], case_id: str) -> None:
        """Raise unless what goes with the image has a value per voxel, and a number stands for each name."""
        image = arrays["inputs"].shape
        memory = image[:-1]
        if "memory" in arrays and arrays["memory"].ndim == len(image) and arrays["memory"].shape[-1] > 1:
            memory = (*memory, arrays["memory"].shape[-1])
        for name, shape in (("tissues", image), ("memory", memory)):
            if name in arrays and arrays[name].shape != shape:
                raise ValueError(
                    f"{name.capitalize()} are those of the image's voxels, {shape}. "
                    f"Received: {arrays[name].shape} from {case_id}."
                )
        if "numbers" in arrays and arrays["numbers"].shape != (self._numbers,):
            raise ValueError(
                f"A sample has {self._numbers} numbers, one for each name. "
                f"Received: {arrays['numbers'].shape} from {case_id}."
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._finish()
            except BaseException:
                self._stack.__exit__(*sys.exc_info())
                raise
        self._stack.__exit__(kind, error, trace)

    def _finish(self) -> None:
        if self.count == 0:
            raise ValueError(f"There is nothing to learn from: no sample came for {self.path}. Received: 0 samples.")
        self._file["normalisation"] = np.array(self._normalisation, np.float64)
        if any(air != self._lowest for air in self._air):
            self._file["air"] = np.array(self._air, np.float32)
        self._file["case"] = np.array(self._case, np.int32)
        self._header["case_ids"] = _as_json(list(self._cases))
        self._header["patients"] = _as_json([patient for _, patient in self._cases.values()])
        for name, value in self._header.items():
            self._file.attrs[name] = value
        self._file.attrs[MARK] = FORMAT


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=_json_number)


def _json_number(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"Settings hold numbers, words and lists of them. Received: {value!r}.")


def _as_int16(inputs: ArrayLike) -> NDArray[np.int16]:
    array = np.asarray(inputs)
    if array.dtype != np.int16:
        limits = np.iinfo(np.int16)
        if not (np.isfinite(array).all() and array.min() >= limits.min and array.max() <= limits.max):
            raise ValueError(
                f"Raw intensities are finite and within int16. Received: {array.min()} to {array.max()} {array.dtype}."
            )
        array = np.rint(array).astype(np.int16)
    return np.ascontiguousarray(array)


def _plain(values: ArrayLike, allowed: tuple[str, ...], what: str) -> NDArray[Any]:
    """The array in the stored dtype that holds it: bool as uint8, float32 as float16 where allowed."""
    array = np.asarray(values)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    elif array.dtype in (np.float32, np.float64) and "float16" in allowed:
        array = array.astype(np.float16)
    if array.dtype.name not in allowed:
        raise ValueError(f"{what} are stored as {' or '.join(allowed)}. Received: {array.dtype}.")
    return np.ascontiguousarray(array)
