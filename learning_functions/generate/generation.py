"""Samples from a data set: workers process the scans in parallel, and the file depends on the seed alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import numpy as np
from tqdm import tqdm

from learning_functions.generate.cropping import Cropping, cropping_models, found_by
from learning_functions.preprocessing import storable
from learning_functions.runtime.workers import LocalWorkers, WorkerLost, Workers
from learning_functions.samples.sample_parts import SAMPLED
from learning_functions.samples.store.sample_store import open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.spec import padding_value_of
from learning_functions.task import Sample, Settings, load_task
from utility_functions.command_line import one_line
from utility_functions.files.cases import BrokenFile, Case, load_scan
from utility_functions.files.data_split import requested_hold_out
from utility_functions.files.manifest import find_cases, one_part, only_split
from utility_functions.files.patient_pseudonyms import KEY_FILE, with_pseudonyms
from utility_functions.phantom.tissue import TISSUES
from utility_functions.stage_seconds import place_of, tell_seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScanSamples:
    """The samples of one scan, or the problem with it; its normalisation and its padding value.

    seconds: that it took. place: where a problem was raised, for a support log.
    """

    samples: list[Sample]
    normalisation: tuple[float, float]
    problem: str = ""
    padding: float | None = None
    seconds: float = 0.0
    place: str = ""


@dataclass(frozen=True)
class Generated:
    """The counts of a run: samples in the file and scans used, and the broken scans with their problems."""

    samples: int
    scans: int
    problems: dict[str, str]


def cases_of_one_split(
    dataset: Path,
    split: str | None,
    hold_out: float | None = None,
    part: str | None = None,
    seed: int | None = None,
    phantom_seed: int = 0,
    folds: int | None = None,
    fold: int | None = None,
) -> list[Case]:
    """The cases of one ``split`` of a data set; without ``split``, all cases, which must then be of one split.

    hold_out: fraction of the patients held out for validation, chosen by ``seed``; or one ``fold`` of ``folds``.
    part: "validation" for the held-out patients, "training" for the others; it becomes the cases' split.
    phantom_seed: the seed of the phantoms of a ``dataset`` such as "phantom:2000".
    Raises: ValueError where several splits would be mixed, where one patient's scans are in several, and where
    a split other than training would be divided.
    """
    held_out = requested_hold_out(hold_out, folds, fold, seed)
    return one_part(_unmixed(dataset, split, phantom_seed), held_out, part)


def _unmixed(dataset: Path, split: str | None, phantom_seed: int) -> list[Case]:
    """The cases of ``split``, or of the only one there is."""
    cases = find_cases(dataset, phantom_seed=phantom_seed)
    splits = sorted({case.split for case in cases})
    first: dict[str, Case] = {}
    for case in cases:
        other = first.setdefault(case.patient, case)
        if other.split != case.split:
            named = " and ".join(f"{each.case_id} in {each.split or 'none'}" for each in (other, case))
            raise ValueError(f"All scans of a patient belong to one split. Received: {named}, of one patient.")
    if split is not None:
        return only_split(cases, split, dataset)
    if len(splits) > 1:
        named = ", ".join(name or "none" for name in splits)
        raise ValueError(f"{dataset} has scans of several splits; choose one by --split. Received: {named}.")
    return cases


def generate(
    task_name: str,
    cases: Sequence[Case],
    path: Path,
    settings: Settings,
    *,
    seed: int = 1,
    workers: Workers | int | None = None,
    compression: str = "gzip",
    cropping: Cropping | None = None,
    patient_key: Path | None = None,
) -> Generated:
    """Write the samples of all cases, in the order of their ids, to ``path``.

    A broken scan is logged, skipped and counted. Every scan has its own random generator, made from the seed and the
    scan's id, so neither the number of workers nor the other scans change its samples. The workers paint phantoms at
    the spec's own spacing. Tissue maps are stored where every scan has one.
    workers: where the scans are cut; or how many processes of this machine do it, None: one per processor.
    cropping: models of earlier stages whose findings crop the samples; the workers run them, and the file records them.
    patient_key: the file of the key for pseudonyms of patients who are known from DICOM headers alone; by default
        KEY_FILE beside ``path``. It is read, or made, only where there is such a patient.
    Raises: ValueError when no scan gives a sample, and where a file that holds no samples would be overwritten.
    """
    if seed < 0:
        raise ValueError(f"A seed is zero or above. Received: {seed}.")
    cutters = workers if isinstance(workers, Workers) else LocalWorkers(workers)
    _require_place(path)
    named = with_pseudonyms(cases, patient_key or path.parent / KEY_FILE)
    ordered = sorted(named, key=lambda case: case.case_id)
    splits = {case.split for case in ordered}
    problems: dict[str, str] = {}
    task = load_task(task_name)
    with_tissues = task.sees_images and all(case.has_tissues for case in ordered)
    with SampleWriter(
        path,
        task=task_name,
        spec=settings.spec,
        settings=settings.to_json(),
        seed=seed,
        split=splits.pop() if len(splits) == 1 else "",
        compression=compression,
        tissue_names=TISSUES if with_tissues else (),
        numbers_names=task.numbers,
        cropped_by=() if cropping is None else cropping.records,
    ) as writer:
        models = () if cropping is None else cropping.paths
        in_order = _samples_in_order(ordered, cutters, task_name, settings, seed, models)
        with closing(in_order), tqdm(in_order, total=len(ordered), desc=task_name, unit="scan") as bar:
            for case, cut in zip(ordered, bar, strict=True):
                tell_seconds({"reading and cutting": cut.seconds}, f"scan, {cut.place}" if cut.place else "scan")
                if cut.problem:
                    problems[case.case_id] = cut.problem
                    with tqdm.external_write_mode():
                        log.warning("Left out %s: %s", case.case_id, cut.problem)
                for sample in cut.samples:
                    parts = {part.name: getattr(sample, part.name) for part in SAMPLED}
                    writer.append(
                        **(parts if with_tissues else {**parts, "tissues": None}),
                        normalisation=cut.normalisation,
                        padding=cut.padding,
                        case_id=case.case_id,
                        patient=case.patient,
                    )
        count = writer.count
        if not count:
            name, problem = next(iter(problems.items()))
            raise ValueError(f"None of {len(ordered)} scans gave a sample; the first, {name}: {problem}")
    return Generated(count, len(ordered) - len(problems), problems)


def _samples_in_order(
    cases: Sequence[Case], workers: Workers, task_name: str, settings: Settings, seed: int, models: tuple[Path, ...]
) -> Generator[ScanSamples]:
    """The samples of each case, in the order of the cases; workers are a few scans ahead at most, to bound memory.

    Models never run in this process, in which TensorFlow may use any number of threads.
    """
    read = [path for case in cases for path in case.files]
    calls = ((task_name, case, settings, seed, models) for case in cases)
    with workers.pool(len(cases), [*models, *read], alone=bool(models)) as pool:
        for cut in pool.in_order(samples_of_case, calls):
            try:
                yield cut.result()
            except WorkerLost as error:
                yield ScanSamples([], (0.0, 1.0), one_line(error))


def _require_place(path: Path) -> None:
    """Raise unless samples can be written there without overwriting a file of another kind."""
    if path.suffix != ".h5":
        raise ValueError(f"Samples are saved as .h5. Received: {path}.")
    if path.is_file():
        try:
            open_store(path)
        except BrokenFile as error:
            raise ValueError(f"The file at this path holds no samples and is not written over: {error}") from error


def samples_of_case(
    task_name: str, case: Case, settings: Settings, seed: int, models: tuple[Path, ...] = ()
) -> ScanSamples:
    """The samples of one case, cropped by the findings of ``models`` where there are any.

    A problem with the case's files or contents is returned; one with the models is raised.
    """
    started = time.perf_counter()
    rng = np.random.default_rng([seed, crc32(case.case_id.encode())])
    task = load_task(task_name)
    croppers = cropping_models(models) if models else []
    try:
        spec = settings.spec
        scan = load_scan(case, tissues=True, spacing_mm=spec.spacing_mm, axcodes=spec.axcodes)
        found = found_by(croppers, scan.volume, case.case_id) if croppers else None
        scan = replace(scan, volume=storable(scan.volume, spec))
        arguments = (scan, settings, rng)
        samples = task.samples(*arguments) if found is None else task.cropped_samples(*arguments, found)
    except (ValueError, OSError, MemoryError, RuntimeError) as error:  # SimpleITK's are RuntimeErrors
        took = time.perf_counter() - started
        return ScanSamples([], (0.0, 1.0), one_line(error), seconds=took, place=place_of(error))
    voxels = scan.volume.voxels
    scale, took = spec.offset_and_scale(voxels), time.perf_counter() - started
    return ScanSamples(samples, scale, padding=padding_value_of(voxels), seconds=took)
