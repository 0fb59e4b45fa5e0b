"""Writing the HDF5 file of samples, whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_functions.samples.sample_parts import FORMAT, PART_OF, PARTS, SAMPLED, SIGNATURE, Layout
from learning_functions.spec import Spec
from utility_functions.files.atomic_write import written_whole
from utility_functions.files.full_disk import GuardedFile
from utility_functions.files.patient_pseudonyms import require_for_files
from utility_functions.json_records import json_text
from utility_functions.reporting.versions import versions

COMPRESSIONS: dict[str, dict[str, Any]] = {
    "gzip": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "lzf": {"compression": "lzf", "shuffle": True},
    "none": {},
}


@contextmanager
def _written(file: GuardedFile) -> Iterator[GuardedFile]:
    """The file, closed at the end; an OSError then where anything could not be written."""
    with file:
        yield file
    file.require_written()


class SampleWriter:
    """Writes samples to a file beside ``path`` and moves it there when the ``with`` block ends without an error.

    After an error the final path is unchanged. Raises ValueError when no sample was appended.
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
            "spec": json_text(spec.to_json(), sort_keys=True),
            "settings": json_text(settings or {}, sort_keys=True),
            "seed": int(seed),
            "versions": json_text(versions(), sort_keys=True),
            "split": split,
        }
        if cropped_by:
            self._header["cropped_by"] = json_text(list(cropped_by), sort_keys=True)
        self._names = {"tissues": tuple(tissue_names), "numbers": tuple(numbers_names)}
        for part in PARTS:
            if self._names.get(part.name):
                self._header[part.names_in] = json_text(list(self._names[part.name]), sort_keys=True)
        self._layout: dict[str, Layout] = {}
        self._cases: dict[str, tuple[int, str]] = {}
        self._lowest = spec.window[0]
        self._figures: dict[str, list[Any]] = {part.name: [] for part in PARTS if part.whole}
        self._case: list[int] = []

    def __enter__(self) -> SampleWriter:
        self._stack = ExitStack()
        beside = self._stack.enter_context(written_whole(self.path))
        self._guarded = self._stack.enter_context(_written(GuardedFile(beside, self.path)))
        self._file = self._stack.enter_context(h5py.File(self._guarded, "w"))
        return self

    def append(
        self,
        inputs: ArrayLike,
        targets: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        normalisation: tuple[float, float],
        padding: float | None = None,
        case_id: str,
        patient: str = "",
        **others: ArrayLike | None,
    ) -> None:
        """Append one sample of the parts in `sample_parts`; ``others`` by their names, None for absent parts.

        inputs: raw intensities with channels last, rounded to int16.
        targets: uint8 (or bool) or int16; weights: float16 (or float32), uint8 or bool, for all samples or for none.
        normalisation: offset and scale, see Spec.normalise. padding: the raw intensity out of the field of view, None
            for the lowest of the spec's window; stored only where any differs from that.
        tissues: uint8 of the shape of ``inputs``, places in the writer's tissue_names; for all samples if it has any.
        memory: uint8 or bool, one per voxel of ``inputs`` (no channels) or several, for all samples or for none.
        numbers: float32 (k,), one for each of the writer's numbers_names; for all samples if it has any.
        """
        parts = {"inputs": inputs, "targets": targets, "weights": weights, **others}
        if unknown := sorted(set(parts) - {part.name for part in SAMPLED}):
            raise ValueError(f"A sample has {', '.join(part.name for part in SAMPLED)}. Received: {unknown[0]}.")
        arrays = {name: PART_OF[name].stored(values) for name, values in parts.items() if values is not None}
        self._require_fit(arrays, case_id)
        offset, scale = (float(value) for value in normalisation)
        if not (np.isfinite(offset) and np.isfinite(scale) and scale > 0):
            raise ValueError(
                f"Normalisation is an offset and a scale above zero. Received: {normalisation} from {case_id}."
            )
        require_for_files(patient)
        known = self._cases.setdefault(case_id, (len(self._cases), patient or case_id))
        if known[1] != (patient or case_id):
            raise ValueError(f"A case has one patient. Received: {patient!r} and {known[1]!r} for {case_id}.")
        if self.count == 0:
            self._create(arrays)
        for name, array in arrays.items():
            dataset = self._file[name]
            dataset.resize(self.count + 1, 0)
            dataset.write_direct(array, dest_sel=np.s_[self.count])
        self._guarded.require_written()
        self._figures["normalisation"].append((offset, scale))
        self._figures["air"].append(self._lowest if padding is None else max(float(padding), self._lowest))
        self._case.append(known[0])
        self.count += 1

    def _require_fit(self, arrays: dict[str, NDArray[Any]], case_id: str) -> None:
        """Raise unless the parts fit the inputs and have the layout of the first sample."""
        for name, array in arrays.items():
            misfit = PART_OF[name].misfit
            if problem := misfit(array.shape, arrays["inputs"].shape, len(self._names.get(name, ()))) if misfit else "":
                raise ValueError(f"{problem} Received: {array.shape} from {case_id}.")
        layout = {name: Layout(array.dtype.name, array.shape) for name, array in arrays.items()}
        first = self._layout or layout
        for part in SAMPLED:
            expected = bool(self._names[part.name]) if part.names_in else part.required or part.name in first
            if expected != (part.name in layout):
                raise ValueError(
                    f"Either every sample has {part.name} or none has. Received: {case_id} unlike the others."
                )
        for name, (dtype, shape) in layout.items():
            if (dtype, shape) != first[name]:
                raise ValueError(
                    f"All samples have {name} of {first[name].shape} {first[name].dtype}. "
                    f"Received: {shape} {dtype} from {case_id}."
                )

    def _create(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Create empty datasets for samples like this one."""
        for name, array in arrays.items():
            shape = array.shape
            self._layout[name] = Layout(array.dtype.name, shape)
            self._file.create_dataset(
                name, (0, *shape), array.dtype, maxshape=(None, *shape), chunks=(1, *shape), **self._compression
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
        if all(padding == self._lowest for padding in self._figures["air"]):
            del self._figures["air"]
        for name, figures in self._figures.items():
            self._file[name] = PART_OF[name].stored(figures)
        self._file["case"] = np.array(self._case, np.int32)
        self._header["case_ids"] = json_text(list(self._cases), sort_keys=True)
        self._header["patients"] = json_text([patient for _, patient in self._cases.values()], sort_keys=True)
        for name, value in self._header.items():
            self._file.attrs[name] = value
        self._file.attrs[SIGNATURE] = FORMAT
