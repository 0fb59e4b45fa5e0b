"""Hidden folders for unfinished files, which never outlive the process that made them by long, however it ends.

A process that ends in order removes its own. Where it is killed, a small process that it started does so
(`clear_after_death`). Where that is killed too, as by a scheduler that ends all processes of a job, the next process of
the same computer that writes to the place removes what nobody holds any longer.
"""

from __future__ import annotations

import atexit
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from utility_functions.files import clear_after_death

if sys.platform != "win32":
    import fcntl

MOST_LETTERS = 40
"""Of the name of the file, and of the computer's, in the name of a folder."""
SECONDS_TO_END = 5.0


@contextmanager
def unfinished_folder(path: Path) -> Iterator[Path]:
    """A new hidden folder beside ``path`` for what will become it; removed after the block, with what is in it.

    Raises: OSError where no folder can be made there.
    """
    _OWN.prepare(path.parent)
    room, lock = _made(path)
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def clear_stale(folder: Path) -> None:
    """Remove the unfinished folders in ``folder`` that a process of this computer has left, and nobody holds."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if clear_after_death.is_unfinished(entry.name, f".{_host()}."):
                lock = _lock(Path(entry.path))
                if lock is not None:
                    shutil.rmtree(entry.path, ignore_errors=True)
                    os.close(lock)


def _made(path: Path) -> tuple[Path, int | None]:
    """A folder, and a lock on it that ends with this process; None where the system knows no such locks."""
    while True:
        prefix = f".{path.name[:MOST_LETTERS]}{_OWN.mark}"
        room = Path(tempfile.mkdtemp(prefix=prefix, suffix=clear_after_death.SUFFIX, dir=path.parent))
        lock = _lock(room)
        if lock is None or room.exists():  # another process may have taken it for a stale one before it was locked
            return room, lock
        os.close(lock)


def _lock(room: Path) -> int | None:
    """A lock on a folder, as an open file; None where another process holds it, or locks are not to be had."""
    if sys.platform == "win32":
        return None
    try:
        held = os.open(room, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held


def _host() -> str:
    """The name of this computer, in letters that may stand in the name of a file."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", platform.node())[:MOST_LETTERS] or "localhost"


@dataclass
class _ThisProcess:
    """What this process does about its unfinished folders. mark: stands in the names of all of them, and of no others.

    prepared: the folders in which they lie. clearing: the process that removes them should this one be killed; None as
    long as there is none, and False where none can be started.
    """

    mark: str = ""
    prepared: set[Path] = field(default_factory=set)
    clearing: subprocess.Popen[bytes] | bool | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.mark = self.mark or f".{_host()}.{os.getpid()}-{secrets.token_hex(4)}."

    def prepare(self, folder: Path) -> None:
        """Before the first of them is made in ``folder``: stale ones go, and the other process learns of it."""
        place = folder.absolute()
        with self.lock:
            if place in self.prepared:
                return
            self.prepared.add(place)
            clear_stale(place)
            if self.clearing is None:
                self.clearing = self._started()
            if not isinstance(self.clearing, bool) and self.clearing.stdin is not None:
                with suppress(OSError):  # it is gone, or stopped
                    os.write(self.clearing.stdin.fileno(), os.fsencode(place) + b"\0")

    def end(self) -> None:
        """At the end of this process."""
        if isinstance(self.clearing, subprocess.Popen) and self.clearing.stdin is not None:
            self.clearing.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self.clearing.wait(SECONDS_TO_END)

    def _started(self) -> subprocess.Popen[bytes] | bool:
        """In a process group of its own: signals to the group of this process, as by Ctrl-C, are none of its."""
        try:
            started = subprocess.Popen(
                [sys.executable, "-I", "-S", clear_after_death.__file__, self.mark],
                cwd=Path(sys.executable).anchor,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                process_group=0,
            )
        except (OSError, ValueError):
            return False
        if started.stdin is not None and sys.platform != "win32":
            os.set_blocking(started.stdin.fileno(), False)
        return started


_OWN = _ThisProcess()


def _begin_anew() -> None:
    """In a fork: the folders of its parent are none of its, and it does not keep its parent's pipe open."""
    global _OWN
    parents = _OWN.clearing
    _OWN = _ThisProcess()
    if isinstance(parents, subprocess.Popen) and parents.stdin is not None:
        parents.stdin.close()
        parents.returncode = 0  # it is no child of this process, which neither waits for it nor warns of it


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_anew)
atexit.register(lambda: _OWN.end())
