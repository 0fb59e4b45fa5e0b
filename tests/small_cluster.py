"""A scheduler of dask and its workers, each a process of this machine that ends with the block."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 120.0


@dataclass
class SmallCluster:
    """folder: of its files. environment: of its processes. Workers have one thread each."""

    folder: Path
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file, self.log = self.folder / "scheduler.json", self.folder / "log"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])

    def add_worker(self) -> None:
        folder = str(self.folder)
        self.workers.append(self._start("worker", "--nthreads", "1", "--no-nanny", "--local-directory", folder))

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard"]
        command += [*options, "--scheduler-file", str(self.file)]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)


def begun(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    """Whether ``condition`` becomes true."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return True
        time.sleep(0.05)
    return False


@contextmanager
def small_cluster(folder: Path, workers: int = 3, failures: int = 3) -> Iterator[SmallCluster]:
    """failures: how many workers a piece of work may end before dask gives it up."""
    allowed = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures)}
    cluster = SmallCluster(folder, {**os.environ, "PYTHONPATH": str(ROOT), **allowed})
    try:
        assert begun(cluster.file.is_file), cluster.log.read_text()
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.end()
