"""Who measures the scans of a plan: the devices of this process side by side, or workers elsewhere, scan by scan."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from learning_functions.measure.device_models import DeviceModels
from learning_functions.measure.kept_logs import Kept, kept_in
from learning_functions.measure.memory_room import ahead_bytes, held_bytes, room_bytes
from learning_functions.measure.overlapping import FAILURES, SharedItems, Work, side_by_side, work_through
from learning_functions.measure.plan import Plan
from learning_functions.measure.scan_estimate import estimates, require_memory, told_before
from learning_functions.measure.scan_work import ScanFound, ScanRead, ScanWork, read_scan
from learning_functions.model_files.pretrained import located
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.cancelling import require_wanted
from learning_functions.runtime.inference_devices import InferenceDevice, inference_devices
from learning_functions.runtime.logs_of_work import collected_logs, tell_logs
from learning_functions.runtime.tensorflow_setup import start_tensorflow
from learning_functions.runtime.workers import WorkerLost, Workers
from utility_functions.command_line import one_line
from utility_functions.files.cases import Case
from utility_functions.reporting.results import ScanRow
from utility_functions.stage_seconds import tell_seconds


@dataclass(frozen=True)
class Listeners:
    """Who hears of the scans. logs: of each scan. begins: before one runs. ends: with its row."""

    logs: Mapping[Case, Kept]
    begins: Callable[[Case], None]
    ends: Callable[[Case, ScanRow], None]


class Fleet(ABC):
    """The models of one plan, where its scans are measured."""

    @property
    @abstractmethod
    def models(self) -> Sequence[TrainedModel]:
        """Those that the plan names, or those loaded already, in running order."""

    @abstractmethod
    def ran(self, path: Path) -> bool:
        """Whether the model of this file was loaded for a scan."""

    def estimate(self, plan: Plan, cases: Sequence[Case]) -> str:
        """What the run takes, where that is long and can be told before; "" otherwise."""
        return ""

    @abstractmethod
    def measure(self, work: ScanWork, cases: Sequence[Case], listeners: Listeners) -> None:
        """Measure the scans, each by one device or worker. An interruption keeps what is finished."""


@dataclass(frozen=True)
class DeviceFleet(Fleet):
    """The devices of this process share the scans.

    overlap: whether a scan may be read, and another one written, while one runs; results do not depend on it.
    """

    devices: Sequence[DeviceModels]
    overlap: bool = True

    @property
    def models(self) -> Sequence[TrainedModel]:
        return self.devices[0].models

    def ran(self, path: Path) -> bool:
        return any(path in model.files for device in self.devices for model in device.models)

    def estimate(self, plan: Plan, cases: Sequence[Case]) -> str:
        devices = inference_devices(plan.options.device)[: len(self.devices)]
        return told_before(estimates(cases, plan.options.memory_gb, devices))

    def measure(self, work: ScanWork, cases: Sequence[Case], listeners: Listeners) -> None:
        open_cases = SharedItems(iter(cases))
        side_by_side([partial(self._work_on, each, work, open_cases, listeners) for each in self.devices], open_cases)

    def _work_on(self, device: DeviceModels, work: ScanWork, cases: SharedItems[Case], listeners: Listeners) -> None:
        memory_gb = work.plan.options.memory_gb / len(self.devices)

        def read(case: Case) -> ScanRead:
            with kept_in(listeners.logs[case]):
                require_memory(case, memory_gb)
                return read_scan(case, device, work.plan)

        def run(case: Case, scan: ScanRead) -> ScanFound:
            cases.require_open()
            listeners.begins(case)
            with kept_in(listeners.logs[case]):
                return work.run(scan)

        def write(case: Case, found: ScanFound | Exception) -> None:
            with kept_in(listeners.logs[case]):
                row = work.written(case, found)
            listeners.ends(case, row)

        steps = Work(
            read,
            run,
            write,
            ahead_bytes=ahead_bytes,
            held_bytes=lambda scan: held_bytes(scan.scan.volume.grid),
            room_bytes=lambda scan: room_bytes(scan.scan.volume.grid, scan.models, memory_gb) if self.overlap else 0.0,
        )
        work_through(cases, steps)


@dataclass(frozen=True)
class WorkerFleet(Fleet):
    """Workers elsewhere measure one scan after another, each with models of its own, which it loads once.

    here: the models as this process has loaded them, to check them and to record them.
    """

    workers: Workers
    here: DeviceModels
    used: set[str] = field(default_factory=set)

    @property
    def models(self) -> Sequence[TrainedModel]:
        return self.here.models

    def ran(self, path: Path) -> bool:
        return path.name in self.used if self.here.plan.choice else True

    def measure(self, work: ScanWork, cases: Sequence[Case], listeners: Listeners) -> None:
        if not cases:
            return
        plan = work.plan
        given = dict(zip(plan.model_paths, plan.models, strict=True)) if not plan.choice else {}
        running = tuple(given[model.path] for model in self.here.models if model.path in given)
        reads = [path for case in cases for path in (*case.files, *plan.given_files(case))]
        with self.workers.pool(len(cases), [*running, *reads], work.folder) as pool:
            waiting = {pool.executor.submit(measured_by_worker, work, running, case): case for case in cases}
            for ended in as_completed(waiting):
                self._take(ended, waiting.pop(ended), listeners)

    def _take(self, ended: Future[MeasuredScan], case: Case, listeners: Listeners) -> None:
        try:
            measured = ended.result()
        except WorkerLost as error:
            measured = MeasuredScan(ScanRow(case.case_id, problem=one_line(error)))
        self.used.update(measured.models)
        tell_seconds(measured.row.findings.seconds if measured.row.findings else {}, "scan of a worker")
        with kept_in(listeners.logs[case]):
            tell_logs(measured.logs)
        listeners.ends(case, measured.row)


@dataclass(frozen=True)
class MeasuredScan:
    """What a worker returns of a scan: its row, the file names of the models that ran, and its log records."""

    row: ScanRow
    models: tuple[str, ...] = ()
    logs: tuple[logging.LogRecord, ...] = ()


def measured_by_worker(work: ScanWork, running: tuple[Path, ...], case: Case) -> MeasuredScan:
    """Measure one scan in this process, and write its results. running: the named models in running order."""
    start_tensorflow()
    options = work.plan.options
    device = inference_devices(options.device)[0]
    models = DeviceModels(
        work.plan,
        partial(model_of_worker, device=device, precision=options.precision, search=options.search),
        [model_of_worker(located(path), device, options.precision) for path in running],
    )
    with collected_logs() as logs:
        used: tuple[str, ...] = ()
        found: ScanFound | Exception
        try:
            require_memory(case, options.memory_gb)
            read = read_scan(case, models, work.plan)
            used = tuple(path.name for model in read.models for path in model.files)
            require_wanted()
            found = work.run(read)
            require_wanted()
        except FAILURES as error:
            found = error
        row = work.written(case, found)
    return MeasuredScan(row, used, tuple(logs))


def model_of_worker(path: Path, device: InferenceDevice, precision: str, search: str = "everywhere") -> TrainedModel:
    """A model that this process loads once, for all scans and runs; anew where its file has changed.

    search: as in `TrainedModel.load_shipped`.
    """
    status = path.stat()
    return _loaded(path, (status.st_size, status.st_mtime_ns), device, precision, search)


@lru_cache(maxsize=12)
def _loaded(path: Path, file: tuple[int, int], device: InferenceDevice, precision: str, search: str) -> TrainedModel:
    return TrainedModel.load_shipped(path, device, precision, search)
