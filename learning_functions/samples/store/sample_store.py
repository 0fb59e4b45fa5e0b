"""The header of an HDF5 file of samples, and the check that two files fit together."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.sample_parts import FORMAT, PARTS, SIGNATURE, Layout
from learning_functions.spec import Spec
from utility_functions.files.broken_file import BrokenFile, why_hdf5_failed
from utility_functions.files.hdf5_contents import require_plain_contents, size_of
from utility_functions.files.patient_pseudonyms import comparable
from utility_functions.json_records import parsed_json

log = logging.getLogger(__name__)

MOST_BYTES_OF_A_SAMPLE = 2**29
"""A patch of 256 x 256 x 256 voxels with all its parts takes a third of it."""
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class SampleStore:
    """The header of a sample file, or of the samples of some of its patients; patients are parallel to case_ids."""

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
    layout: Mapping[str, Layout]
    """Dtype and shape of each stored part, by the part's name."""
    names: Mapping[str, tuple[str, ...]]
    """The names of tissue codes and of numbers, by the part's name."""
    cropped_by: tuple[dict[str, str], ...] = ()
    """File, task and hash of each model whose findings cropped the samples."""
    rows: tuple[int, ...] | None = None
    """The rows of these samples in the file, in order; None: all rows."""

    @property
    def places(self) -> NDArray[np.int_]:
        """The row of each sample in the file (count,)."""
        return np.arange(self.count) if self.rows is None else np.array(self.rows, int)

    def first_of_each_scan(self) -> NDArray[np.int_]:
        """The number of the first sample of each scan (scans,)."""
        with h5py.File(self.path, "r") as file:
            return np.unique(file["case"][()][self.places], return_index=True)[1]

    def of_patients(self, patients: Collection[str]) -> SampleStore:
        """A store of the samples of these patients alone; nothing is copied.

        Raises: ValueError where no sample is of these patients.
        """
        with h5py.File(self.path, "r") as file:
            cases = file["case"][()]
            patient_of = parsed_json(file.attrs["patients"])
        rows = tuple(int(place) for place in self.places if patient_of[cases[place]] in patients)
        kept = [place for place, patient in enumerate(self.patients) if patient in patients]
        if not rows:
            raise ValueError(f"No sample is of these patients. Received: {', '.join(sorted(patients))}, {self.path}.")
        case_ids, theirs = (tuple(of_all[place] for place in kept) for of_all in (self.case_ids, self.patients))
        return replace(self, rows=rows, count=len(rows), case_ids=case_ids, patients=theirs)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.layout["inputs"].shape

    @property
    def input_dtype(self) -> str:
        return self.layout["inputs"].dtype

    @property
    def target_shape(self) -> tuple[int, ...]:
        return self.layout["targets"].shape

    @property
    def target_dtype(self) -> str:
        return self.layout["targets"].dtype

    @property
    def has_weights(self) -> bool:
        return "weights" in self.layout

    @property
    def has_memory(self) -> bool:
        return "memory" in self.layout

    @property
    def memory_channels(self) -> int:
        """The number of memory channels in the network's input."""
        if "memory" not in self.layout:
            return 0
        return (*self.layout["memory"].shape, 1)[len(self.input_shape) - 1]

    @property
    def has_tissues(self) -> bool:
        """Whether every sample has a tissue map, with places in tissue_names as codes."""
        return "tissues" in self.layout

    @property
    def tissue_names(self) -> tuple[str, ...]:
        return self.names.get("tissues", ())

    @property
    def numbers_names(self) -> tuple[str, ...]:
        return self.names.get("numbers", ())

    def parts(self, *requested: str) -> dict[str, Layout]:
        """The parts that are read of each sample, in the order of PARTS; those on request only if ``requested``."""
        if lacking := [name for name in requested if name not in self.layout]:
            raise ValueError(f"The sample file has no {lacking[0]}. Received: {self.path}.")
        named = [part.name for part in PARTS if not part.on_request or part.name in requested]
        return {name: self.layout[name] for name in named if name in self.layout}


def open_store(path: Path | str) -> SampleStore:
    """Read the header of a sample file. Raises BrokenFile, in one sentence, for anything else."""
    path = Path(path)
    if not path.is_file():
        raise BrokenFile(f"There is no sample file at this path. Received: {path}.")
    with path.open("rb") as start:
        if start.read(8) != HDF5_SIGNATURE:
            raise BrokenFile(f"A sample file is HDF5, and this is not. Received: {path}.")
    try:
        with h5py.File(path, "r") as file:
            return _header(path, file)
    except BrokenFile:
        raise
    except (OSError, RuntimeError, LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise BrokenFile(f"The sample file {why_hdf5_failed(error)}. Received: {path}.") from error


def _header(path: Path, file: h5py.File) -> SampleStore:
    require_plain_contents(file, path)
    values = dict(file.attrs)
    if SIGNATURE not in values:
        kind = "a saved model" if "model_config" in values else "an HDF5 file of another kind"
        raise BrokenFile(
            f"Samples are needed, as generate_samples.py writes them, and this is {kind}. Received: {path}."
        )
    if values[SIGNATURE] != FORMAT:
        raise BrokenFile(
            f"Sample files of format {FORMAT} can be read, and this is {values[SIGNATURE]}. Received: {path}."
        )
    there = [part for part in PARTS if part.required or part.name in file]
    _require_layout(path, file, [part.name for part in there])
    counts = {name: len(file[name]) for name in (*(part.name for part in there), "case")}
    if min(counts.values()) < 1 or len(set(counts.values())) > 1:
        raise BrokenFile(f"The parts of the sample file do not belong together: {counts}. Received: {path}.")
    case_ids, patients = (_texts(values[name]) for name in ("case_ids", "patients"))
    cases = file["case"][()]
    if len(case_ids) != len(patients) or not (cases.min() >= 0 and cases.max() < len(case_ids)):
        raise BrokenFile(f"The scans of the sample file do not belong to its samples. Received: {path}.")
    return SampleStore(
        path=path,
        task=str(values["task"]),
        spec=Spec.from_json(parsed_json(values["spec"])),
        settings=_mapping(values["settings"]),
        seed=int(values["seed"]),
        versions=_mapping(values["versions"]),
        split=str(values["split"]),
        case_ids=case_ids,
        patients=patients,
        count=counts["inputs"],
        layout={part.name: Layout(file[part.name].dtype.name, file[part.name].shape[1:]) for part in there},
        names={part.name: tuple(parsed_json(values[part.names_in])) for part in there if part.names_in},
        cropped_by=tuple(parsed_json(values.get("cropped_by", "[]"))),
    )


def _require_layout(path: Path, file: h5py.File, parts: Collection[str]) -> None:
    """Raise a BrokenFile unless parts and cases are data sets of numbers, and one sample fits into memory."""
    taken = 0
    for name in (*parts, "case"):
        each = file[name]
        kinds = "iuf" if name in parts else "iu"
        if not (isinstance(each, h5py.Dataset) and each.shape and each.dtype.kind in kinds):
            raise BrokenFile(f"The part {name} of the sample file holds no samples. Received: {path}.")
        taken += size_of(each) // max(len(each), 1)
    if taken > MOST_BYTES_OF_A_SAMPLE:
        raise BrokenFile(f"One sample of this file would take {taken / 1e9:.3g} GB. Received: {path}.")


def _texts(stored: Any) -> tuple[str, ...]:
    """A stored list of texts. Raises: TypeError for anything else."""
    texts = parsed_json(stored)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"a list of texts is needed, not {str(texts)[:40]!r}")
    return tuple(texts)


def _mapping(stored: Any) -> dict[str, Any]:
    """A stored mapping. Raises: TypeError for anything else."""
    found = parsed_json(stored)
    if not isinstance(found, dict):
        raise TypeError(f"a mapping is needed, not {str(found)[:40]!r}")
    return found


def check_same_task(training: SampleStore, validation: SampleStore) -> None:
    """Raise ValueError, naming all differences, unless one network can train on one store and validate on the other."""
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
    if not comparable(training.patients, validation.patients):
        log.warning(
            "%s and %s call patients by pseudonyms of different keys, so that nobody can tell whether they share one: "
            "cut both with one --patient-key.",
            training.path,
            validation.path,
        )
    shared = sorted(set(training.patients) & set(validation.patients))
    if shared:
        named = ", ".join(shared[:5]) + (f" and {len(shared) - 5} more" if len(shared) > 5 else "")
        raise ValueError(
            f"No patient may be in the samples to learn from and in those to validate on; shared: {named}. "
            f"Received: {training.path} and {validation.path}."
        )
