"""The log of a run for a bug report: versions, hardware, options, seconds of stages, warnings; no patient's data.

Names of files, folders, scans and patients are left out, and so is every text that comes from a file. What is kept is
what this package's own code says: the words of a warning as they stand in the source, with its numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np

from utility_functions.command_line import usable_processors
from utility_functions.files.images import IMAGE_SUFFIXES, suffix_of
from utility_functions.phantom.phantom_request import PREFIX
from utility_functions.reporting.versions import versions
from utility_functions.stage_seconds import STAGES, place_of

HEADER = "spine-levels log for support, format 1"
OURS = ("spine_levels", "learning_functions", "keras_models", "losses_and_metrics", "utility_functions")
MODELS = ("models", "start_from", "teacher", "crop_by")
"""The options that name models; these are told by their hash."""
NOT_TOLD = ("command", "debug", "log")
HIDDEN = "[...]"
_WORD = re.compile(r"[a-z0-9_]{1,24}(:\d+)?|[CTLS]\d{1,2}")
_FREE_TEXTS = ("about", "scheduler")
_SUFFIXES = (*IMAGE_SUFFIXES, ".h5", ".csv", ".json", ".toml", ".lml", ".dcm", ".key")


def add_log_option(parser: argparse.ArgumentParser) -> None:
    """Add --log to a command line."""
    text = "write versions, hardware, options, seconds and warnings to FILE, without names and paths, for a bug report"
    parser.add_argument("--log", type=Path, metavar="FILE", help=text)


def logged(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """The same run, which writes a log where --log requests one."""

    def with_log(arguments: argparse.Namespace) -> int:
        if arguments.log is None:
            return run(arguments)
        with SupportLog(arguments.log, vars(arguments)) as log:
            log.code = run(arguments)
            return log.code

    return with_log


class SupportLog(logging.Handler):
    """A log as a ``with`` block. Every line is written when it is known, so that a crash leaves what led to it.

    Raises: OSError where the file cannot be written, ValueError where another file would be written over.
    """

    def __init__(self, path: Path, options: dict[str, Any]) -> None:
        super().__init__(logging.DEBUG)
        self.code: int | None = None
        self._path, self._options = path, options
        self._file: TextIO | None = None
        self._started = time.perf_counter()

    def __enter__(self) -> SupportLog:
        _require_place(self._path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w", encoding="utf-8", newline="\n")
        self._write(HEADER)
        self._section("versions", versions())
        self._section("machine", machine())
        told = {name: told_option(name, value) for name, value in self._options.items() if name not in NOT_TOLD}
        self._section("options", told)
        self._write("run:")
        logging.getLogger().addHandler(self)
        STAGES.addHandler(self)
        STAGES.setLevel(logging.DEBUG)
        STAGES.propagate = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self)
        STAGES.removeHandler(self)
        STAGES.setLevel(logging.NOTSET)
        STAGES.propagate = True
        self._write(f"  {self._seconds()} {f'exit code {self.code}' if error is None else place_of(error)}")
        self._section("at the end", at_the_end())
        if self._file is not None:
            self._file.close()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == STAGES.name:
            self._write(f"  {self._seconds()} {record.getMessage()}")
        elif record.levelno >= logging.WARNING:
            self._write(f"  {self._seconds()} {record.levelname.lower()}: {told_record(record)}")

    def _seconds(self) -> str:
        return f"{time.perf_counter() - self._started:9.2f} s"

    def _section(self, title: str, values: dict[str, Any]) -> None:
        self._write(f"{title}:", *(f"  {name}: {value}" for name, value in values.items()))

    def _write(self, *lines: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write("".join(f"{line}\n" for line in lines))
            self._file.flush()
        except OSError:  # a full disk: the run goes on without its log
            self._file = None


def told_record(record: logging.LogRecord) -> str:
    """A log record by the words of the source and its numbers; of a library's record only where it comes from."""
    if record.name.split(".")[0] not in OURS:
        return f"{HIDDEN} of {record.name} ({record.module}:{record.lineno})"
    arguments = record.args if isinstance(record.args, tuple) else (record.args,) if record.args else ()
    try:
        words = str(record.msg) % tuple(_told_value(value) for value in arguments) if arguments else str(record.msg)
    except (TypeError, ValueError):
        words = str(record.msg)
    return f"{words} ({record.name}:{record.lineno})"


def _told_value(value: Any) -> Any:
    """A number as it is; of anything else nothing but the kind of an error and the length of a list."""
    if value is None or isinstance(value, bool | int | float | np.number):
        return value
    if isinstance(value, BaseException):
        return f"[{type(value).__name__}]"
    if isinstance(value, list | tuple):
        return [_told_value(each) for each in value]
    return HIDDEN


def told_option(name: str, value: Any) -> Any:
    """The value of an option as the log tells it: a path by what is there, a free text not at all."""
    if isinstance(value, list | tuple):
        return [told_option(name, each) for each in value]
    if isinstance(value, Path):
        return _told_path(value, name in MODELS)
    if isinstance(value, str):
        return value if name not in _FREE_TEXTS and _WORD.fullmatch(value) else HIDDEN if value else ""
    return value if value is None or isinstance(value, bool | int | float) else HIDDEN


def _told_path(path: Path, is_model: bool) -> str:
    if str(path).startswith(PREFIX):
        return str(path) if re.fullmatch(r"[a-z0-9:=._-]+", str(path)) else PREFIX + HIDDEN
    try:
        if path.is_dir():
            return f"a folder of {sum(1 for _ in path.iterdir())} entries"
        if path.is_file():
            suffix = suffix_of(path) or (path.suffix.lower() if path.suffix.lower() in _SUFFIXES else "")
            known = f", sha256 {_sha256(path)[:16]}" if is_model else ""
            return f"a file{f' {suffix}' if suffix else ''} of {path.stat().st_size} bytes{known}"
    except OSError as error:
        return f"a path that cannot be read ({error.errno})"
    return "a name of a model" if is_model and path.parent == Path() else "a path with nothing there"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def machine() -> dict[str, Any]:
    """Platform, processor, cores and memory."""
    found: dict[str, Any] = {"platform": platform.platform(), "processor": _processor() or platform.machine()}
    found["cores"] = f"{usable_processors()} of {os.cpu_count()}"
    if sys.platform != "win32":
        found["memory"] = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.1f} GB"
    return found


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if not information.is_file():
        return platform.processor()
    found = re.search(r"model name\s*:\s*(.+)", information.read_text(encoding="utf-8", errors="replace"))
    return found[1].strip() if found else ""


def at_the_end() -> dict[str, Any]:
    """The GPUs that TensorFlow sees, where it is loaded, and the peak of memory."""
    found: dict[str, Any] = {}
    tensorflow: Any = sys.modules.get("tensorflow")
    if tensorflow is not None:
        devices: Sequence[Any] = tensorflow.config.list_physical_devices("GPU")
        names = [tensorflow.config.experimental.get_device_details(each).get("device_name", "?") for each in devices]
        found["GPUs"] = ", ".join(names) or "none"
    try:
        import resource
    except ImportError:  # Windows
        return found
    scale = 1 if sys.platform == "darwin" else 1024
    own, workers = (
        resource.getrusage(who).ru_maxrss * scale / 1e9 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {**found, "peak memory": f"{own:.2f} GB, of a worker {workers:.2f} GB"}


def _require_place(path: Path) -> None:
    """Raise a ValueError where a file that is no log of this program would be written over."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} cannot be written: a folder of that name is there.")
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if not file.readline(200).startswith(HEADER[:28].encode()):
                raise ValueError(f"The file at this path is no log and is not written over. Received: {path}.")
