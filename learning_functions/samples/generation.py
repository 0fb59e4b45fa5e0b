"""Samples from a data set: scans are worked on in parallel, and the file depends on the seed alone."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from tqdm import tqdm

from learning_functions.samples.store import SampleWriter
from learning_functions.task import Sample, Settings, load_task
from utility_functions.command_line import one_line
from utility_functions.files.cases import Case, load_scan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawn:
    """What one scan gave: samples, or why there are none."""

    samples: list[Sample]
    normalisation: tuple[float, float]
    problem: str = ""


@dataclass(frozen=True)
class Generated:
    """What a run made: samples in the file, scans used, and the broken scans with their problems."""

    samples: int
    scans: int
    problems: dict[str, str]


def generate(
    task_name: str,
    cases: Sequence[Case],
    path: Path,
    settings: Settings,
    *,
    seed: int = 1,
    workers: int | None = None,
    split: str = "",
    compression: str = "gzip",
) -> Generated:
    """Write the samples of all cases, in the order of their ids, to ``path``.

    A broken scan is named, left out and counted. Every scan has a generator of its own, made from the seed and the
    scan's id, so neither the number of workers nor the other scans change what it gives.
    """
    ordered = sorted(cases, key=lambda case: case.case_id)
    problems: dict[str, str] = {}
    with SampleWriter(
        path,
        task=task_name,
        spec=settings.spec,
        settings=settings.to_json(),
        seed=seed,
        split=split,
        compression=compression,
    ) as writer:
        bar = tqdm(_drawn(task_name, ordered, settings, seed, workers), total=len(ordered), desc=task_name, unit="scan")
        for case, drawn in zip(ordered, bar, strict=True):
            if drawn.problem:
                problems[case.case_id] = drawn.problem
                log.warning("Left out %s: %s", case.case_id, drawn.problem)
            for sample in drawn.samples:
                writer.append(
                    sample.inputs,
                    sample.targets,
                    sample.weights,
                    normalisation=drawn.normalisation,
                    case_id=case.case_id,
                    patient=case.patient,
                )
        count = writer.count
    return Generated(count, len(ordered) - len(problems), problems)


def _drawn(
    task_name: str, cases: Sequence[Case], settings: Settings, seed: int, workers: int | None
) -> Iterator[Drawn]:
    """The samples of each case, in their order; a few scans ahead at most, so that memory stays bounded."""
    count = min(workers or os.cpu_count() or 1, len(cases))
    if count <= 1:
        for case in cases:
            yield draw(task_name, case, settings, seed)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        waiting = []
        upcoming = iter(cases)
        for case in upcoming:
            waiting.append(pool.submit(draw, task_name, case, settings, seed))
            if len(waiting) >= 2 * count:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def draw(task_name: str, case: Case, settings: Settings, seed: int) -> Drawn:
    """The samples of one case; a problem with its files or contents is told, not raised."""
    rng = np.random.default_rng([seed, crc32(case.case_id.encode())])
    try:
        scan = load_scan(case)
        samples = load_task(task_name).samples(scan, settings, rng)
    except (ValueError, OSError, MemoryError) as error:
        return Drawn([], (0.0, 1.0), one_line(error))
    return Drawn(samples, settings.spec.offset_and_scale(scan.volume.voxels))
