"""What a cluster's worker does with work that was sent to it: it checks that it sees the same program and files first.

Needs no Keras. Work travels as bytes, which are opened only after the checks.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from learning_functions.runtime.cancelling import require_wanted, while_wanted
from learning_functions.runtime.logs_of_work import collected_logs
from learning_functions.runtime.tensorflow_setup import use_onednn
from utility_functions.reporting.versions import PACKAGE, versions

ROOMS = ("learning_functions", "keras_models", "losses_and_metrics", "utility_functions", "saved_models")
KINDS = (".py", ".h5")
TURN_S = 0.5
_ONE_AT_A_TIME = threading.Lock()
"""Keras keeps state for a whole process, so a worker with several threads takes turns, too."""


@dataclass(frozen=True)
class Expected:
    """What a worker must see. code: of the package, as `code_hash` tells it. files: their sizes; None for a folder."""

    code: str
    files: Mapping[str, int | None]


class OtherWorker(OSError):
    """A worker has another program than the one that sent the work, or does not see its files."""


@cache
def code_hash() -> str:
    """A hash of the package's own code and models: alike where the same version runs, also of two working copies."""
    root, found = Path(__file__).resolve().parents[2], hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*") if path.suffix in KINDS):
        found.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def seen(paths: list[Path]) -> dict[str, int | None]:
    """Files by their absolute path, with their size; folders with None."""
    return {str(path.absolute()): None if path.is_dir() else path.stat().st_size for path in paths}


def problem_here(expected: Expected) -> str:
    """What differs in this process, as the end of a sentence; "" where nothing does."""
    if code_hash() != expected.code:
        return f"runs another version of {PACKAGE}: install the same one on all machines"
    for name, size in expected.files.items():
        try:
            here = None if Path(name).is_dir() else Path(name).stat().st_size
        except OSError:
            return f"sees no {name}: files and results must lie in a folder that all machines share"
        if here != size:
            return f"sees another {name}: files and results must lie in a folder that all machines share"
    return ""


def versions_here() -> dict[str, str]:
    """The versions of the packages that results depend on, without TensorFlow's, which need not be loaded yet."""
    return {name: version for name, version in versions().items() if not name.startswith("tensorflow")}


_CHECKED: dict[str, str] = {}


def do_work(expected: Expected, run: str, work: bytes) -> tuple[Any, list[logging.LogRecord]]:
    """Do ``work``, a pickled function with its arguments; returns what it returns, and the log records meanwhile.

    run: names the run that sent it; what a worker sees is checked once in each.
    Raises: OtherWorker, where this worker does not see what is ``expected``; NoLongerWanted.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted() -> bool:
        state = worker.state.tasks.get(key)
        return state is not None and state.state != "cancelled"

    with while_wanted(wanted):
        while not _ONE_AT_A_TIME.acquire(timeout=TURN_S):
            require_wanted()
        try:
            require_wanted()
            if run not in _CHECKED:
                _CHECKED.clear()
                _CHECKED[run] = problem_here(expected)
            if problem := _CHECKED[run]:
                raise OtherWorker(f"The worker {worker.address} {problem}.")
            use_onednn()
            function, arguments, named = pickle.loads(work)
            with collected_logs() as logs:
                return function(*arguments, **named), logs
        finally:
            _ONE_AT_A_TIME.release()
