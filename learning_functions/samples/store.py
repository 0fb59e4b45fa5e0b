"""The HDF5 file that samples are kept in: written whole and opened by its header."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_functions.samples.reader import SampleReader
from learning_functions.spec import Spec
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.writing import written_whole
from utility_functions.reporting.versions import versions

__all__ = ["SampleReader", "SampleStore", "SampleWriter", "check_same_task", "open_store"]

MARK, FORMAT = "spine_samples", 1
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
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
        self._cases: dict[str, tuple[int, str]] = {}
        self._normalisation: list[tuple[float, float]] = []
        self._case: list[int] = []
        self._weighted = False

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
        case_id: str,
        patient: str = "",
    ) -> None:
        """Adds one sample.

        inputs: raw intensities with channels last, rounded to int16.
        targets: uint8 (or bool) or int16; weights: float16 (or float32), uint8 or bool, for all samples or for none.
        normalisation: offset and scale, see Spec.normalise.
        """
        arrays = {"inputs": _as_int16(inputs), "targets": _plain(targets, ("uint8", "int16"), "Targets")}
        if weights is not None:
            arrays["weights"] = _plain(weights, ("float16", "uint8"), "Weights")
        if self.count == 0:
            self._weighted = weights is not None
            for name, array in arrays.items():
                shape = array.shape
                self._file.create_dataset(
                    name, (0, *shape), array.dtype, maxshape=(None, *shape), chunks=(1, *shape), **self._compression
                )
        if self._weighted != (weights is not None):
            raise ValueError(
                f"Either every sample has weights or none has. Received: {case_id} unlike the samples before."
            )
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
        self._case.append(known[0])
        self.count += 1

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
        self._file["case"] = np.array(self._case, np.int32)
        self._header["case_ids"] = _as_json(list(self._cases))
        self._header["patients"] = _as_json([patient for _, patient in self._cases.values()])
        for name, value in self._header.items():
            self._file.attrs[name] = value
        self._file.attrs[MARK] = FORMAT


@dataclass(frozen=True)
class SampleStore:
    """The header of a finished sample file; shapes are of one sample, patients run parallel to case_ids."""

    path: Path
    task: str
    spec: Spec
    settings: dict[str, Any]
    seed: int
    versions: dict[str, str]
    split: str
    case_ids: tuple[str, ...]
    patients: tuple[str, ...]
    count: int
    input_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    target_dtype: str
    weight_dtype: str | None = None
    weight_shape: tuple[int, ...] = ()
    input_dtype: str = "int16"

    @property
    def has_weights(self) -> bool:
        return self.weight_dtype is not None


def open_store(path: Path | str) -> SampleStore:
    """Reads the header of a sample file. Raises BrokenFile, in one sentence, for anything else."""
    path = Path(path)
    if not path.is_file():
        raise BrokenFile(f"There is no sample file at this path. Received: {path}.")
    with path.open("rb") as start:
        if start.read(8) != HDF5_SIGNATURE:
            raise BrokenFile(f"A sample file is HDF5, and this is not. Received: {path}.")
    try:
        with h5py.File(path, "r") as file:
            return _header(path, file)
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise BrokenFile(f"The sample file is cut short or damaged ({error}). Received: {path}.") from error


def _header(path: Path, file: h5py.File) -> SampleStore:
    values = dict(file.attrs)
    if MARK not in values:
        kind = "a saved model" if "model_config" in values else "an HDF5 file of another kind"
        raise BrokenFile(
            f"Samples are needed, as generate_samples.py writes them, and this is {kind}. Received: {path}."
        )
    if values[MARK] != FORMAT:
        raise BrokenFile(f"Sample files of format {FORMAT} can be read, and this is {values[MARK]}. Received: {path}.")
    names = ["inputs", "targets", *(["weights"] if "weights" in file else [])]
    counts = {name: len(file[name]) for name in (*names, "normalisation", "case")}
    if min(counts.values()) < 1 or len(set(counts.values())) > 1:
        raise BrokenFile(f"The parts of the sample file do not belong together: {counts}. Received: {path}.")
    return SampleStore(
        path=path,
        task=str(values["task"]),
        spec=Spec.from_json(json.loads(values["spec"])),
        settings=json.loads(values["settings"]),
        seed=int(values["seed"]),
        versions=json.loads(values["versions"]),
        split=str(values["split"]),
        case_ids=tuple(json.loads(values["case_ids"])),
        patients=tuple(json.loads(values["patients"])),
        count=counts["inputs"],
        input_shape=file["inputs"].shape[1:],
        input_dtype=file["inputs"].dtype.name,
        target_shape=file["targets"].shape[1:],
        target_dtype=file["targets"].dtype.name,
        weight_dtype=file["weights"].dtype.name if "weights" in file else None,
        weight_shape=file["weights"].shape[1:] if "weights" in file else (),
    )


def check_same_task(training: SampleStore, validation: SampleStore) -> None:
    """Raises ValueError, naming all differences, unless one network can learn from one and be judged on the other."""
    differences = [] if training.task == validation.task else [f"task {training.task} and {validation.task}"]
    differences += training.spec.differences(validation.spec)
    for name in ("input_shape", "target_shape", "has_weights"):
        mine, theirs = getattr(training, name), getattr(validation, name)
        if mine != theirs:
            differences.append(f"{name} {mine} and {theirs}")
    if differences:
        raise ValueError(
            f"Samples to learn from and to validate on must be of one kind; these differ in {'; '.join(differences)}. "
            f"Received: {training.path} and {validation.path}."
        )
    shared = sorted(set(training.patients) & set(validation.patients))
    if shared:
        named = ", ".join(shared[:5]) + (f" and {len(shared) - 5} more" if len(shared) > 5 else "")
        raise ValueError(
            f"No patient may be in the samples to learn from and in those to validate on; shared: {named}. "
            f"Received: {training.path} and {validation.path}."
        )


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
