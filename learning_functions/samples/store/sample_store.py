"""The HDF5 file that samples are kept in, opened by its header; and which two files go together."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_writer import FORMAT, MARK, OPTIONAL, SampleWriter
from learning_functions.spec import Spec
from utility_functions.files.broken_file import BrokenFile

__all__ = ["SampleReader", "SampleStore", "SampleWriter", "check_same_task", "open_store"]

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class SampleStore:
    """The header of a finished sample file, or of some of its patients' samples; shapes are of one sample, patients run
    parallel to case_ids.
    """

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
    tissue_names: tuple[str, ...] = ()
    memory_shape: tuple[int, ...] = ()
    numbers_names: tuple[str, ...] = ()
    has_air: bool = False
    cropped_by: tuple[dict[str, str], ...] = ()
    """File, task and hash of each model by whose findings the samples were cropped."""
    rows: tuple[int, ...] | None = None
    """Which samples of the file these are, in their order; None: all of them."""

    @property
    def places(self) -> NDArray[np.int_]:
        """Where in the file each sample lies (count,)."""
        return np.arange(self.count) if self.rows is None else np.array(self.rows, int)

    def first_of_each_scan(self) -> NDArray[np.int_]:
        """The number of the first sample of each scan (scans,)."""
        with h5py.File(self.path, "r") as file:
            return np.unique(file["case"][()][self.places], return_index=True)[1]

    def of_patients(self, patients: Collection[str]) -> SampleStore:
        """The samples of these patients alone, seen as a file of their own; nothing is copied.

        Raises: ValueError where none is of theirs.
        """
        with h5py.File(self.path, "r") as file:
            cases = file["case"][()]
            whose = json.loads(file.attrs["patients"])
        rows = tuple(int(place) for place in self.places if whose[cases[place]] in patients)
        kept = [place for place, patient in enumerate(self.patients) if patient in patients]
        if not rows:
            raise ValueError(f"No sample is of these patients. Received: {', '.join(sorted(patients))}, {self.path}.")
        case_ids, theirs = (tuple(of_all[place] for place in kept) for of_all in (self.case_ids, self.patients))
        return replace(self, rows=rows, count=len(rows), case_ids=case_ids, patients=theirs)

    @property
    def has_weights(self) -> bool:
        return self.weight_dtype is not None

    @property
    def has_memory(self) -> bool:
        return bool(self.memory_shape)

    @property
    def memory_channels(self) -> int:
        """How many channels of what the network sees are memory."""
        return (*self.memory_shape, 1)[len(self.input_shape) - 1] if self.memory_shape else 0

    @property
    def has_tissues(self) -> bool:
        """Whether every sample has a tissue map (uint8, of the input's shape): places in tissue_names."""
        return bool(self.tissue_names)

    def parts(self, tissues: bool = False) -> dict[str, tuple[str, tuple[int, ...]]]:
        """What is kept of each sample, tissues where asked for: dtype and shape by name, in one order for all."""
        found = {
            "inputs": (self.input_dtype, self.input_shape),
            "targets": (self.target_dtype, self.target_shape),
        }
        if self.weight_dtype is not None:
            found["weights"] = (self.weight_dtype, self.weight_shape)
        if self.has_memory:
            found["memory"] = ("uint8", self.memory_shape)
        if self.numbers_names:
            found["numbers"] = ("float32", (len(self.numbers_names),))
        if tissues:
            found["tissues"] = ("uint8", self.input_shape)
        if self.has_air:
            found["air"] = ("float32", ())
        return {**found, "normalisation": ("float64", (2,))}


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
    names = ["inputs", "targets", *(name for name in OPTIONAL if name in file)]
    singles = [name for name in ("normalisation", "case", "air") if name != "air" or name in file]
    counts = {name: len(file[name]) for name in (*names, *singles)}
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
        tissue_names=tuple(json.loads(values["tissues"])) if "tissues" in file else (),
        memory_shape=file["memory"].shape[1:] if "memory" in file else (),
        numbers_names=tuple(json.loads(values["numbers_names"])) if "numbers" in file else (),
        has_air="air" in file,
        cropped_by=tuple(json.loads(values.get("cropped_by", "[]"))),
    )


def check_same_task(training: SampleStore, validation: SampleStore) -> None:
    """Raises ValueError, naming all differences, unless one network can learn from one and be judged on the other."""
    differences = [] if training.task == validation.task else [f"task {training.task} and {validation.task}"]
    differences += training.spec.differences(validation.spec)
    for name in ("input_shape", "target_shape", "has_weights", "has_memory", "memory_channels", "numbers_names"):
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
