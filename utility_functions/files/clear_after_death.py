"""Removes the unfinished folders of another process once that is gone: a script that needs the standard library alone.

Its argument is the mark in their names. On standard input come the folders in which they lie, each ended by a zero
byte; that input ends with the other process, whatever ends it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

SUFFIX = ".unfinished"
AT_ONCE = 65536


def is_unfinished(name: str, mark: str) -> bool:
    """Whether a folder of that name holds something unfinished of whoever has that mark."""
    return name.startswith(".") and name.endswith(SUFFIX) and mark in name


def main() -> None:
    """Read until the other process is gone, then remove."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if name in signal.Signals.__members__:
            signal.signal(signal.Signals[name], signal.SIG_IGN)  # the end of the other process is waited for
    told = b""
    while said := os.read(0, AT_ONCE):
        told += said
    for folder in told.split(b"\0")[:-1]:
        _clear(Path(os.fsdecode(folder)), sys.argv[1])


def _clear(folder: Path, mark: str) -> None:
    try:
        found = list(folder.iterdir())
    except OSError:
        return
    for path in found:
        if is_unfinished(path.name, mark):
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
