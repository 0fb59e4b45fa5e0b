"""A file for HDF5 to write to that outlives a full disk: HDF5 itself crashes the process when its writes fail."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any


class GuardedFile(io.RawIOBase):
    """A binary file at ``path``, made anew, for h5py.File. From the first failure on, writes are kept in memory.

    HDF5 therefore sees no failure, and can close its file. `require_written` raises the failure where it is handled.
    name: the path that errors name.
    """

    def __init__(self, path: Path, name: Path) -> None:
        super().__init__()
        self._name = name
        self._file = path.open("w+b", buffering=0)
        self._failure: OSError | None = None
        self._kept: list[tuple[int, bytes]] = []
        self._place = 0
        self._end = 0

    def require_written(self) -> None:
        """Raise an OSError that names the file where a write has failed."""
        if self._failure is not None:
            reason = self._failure.strerror or str(self._failure)
            raise OSError(f"{self._name} cannot be written: {reason}.") from self._failure

    def write(self, data: Any) -> int:
        content = memoryview(data).cast("B")
        start = self._place
        if self._failure is None:
            try:
                self._file.seek(start)
                done = 0
                while done < len(content):
                    done += self._file.write(content[done:]) or self._nothing_written()
            except OSError as error:
                self._failure = error
        if self._failure is not None:
            self._kept.append((start, bytes(content)))
        self._place = start + len(content)
        self._end = max(self._end, self._place)
        return len(content)

    def readinto(self, buffer: Any) -> int:
        wanted = memoryview(buffer).cast("B")
        count = max(min(len(wanted), self._end - self._place), 0)
        self._file.seek(self._place)
        found = self._file.read(count) or b""
        wanted[:count] = found.ljust(count, b"\0")
        for start, content in self._kept:
            first, last = max(start, self._place), min(start + len(content), self._place + count)
            if first < last:
                wanted[first - self._place : last - self._place] = content[first - start : last - start]
        self._place += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def truncate(self, size: int | None = None) -> int:
        self._end = self._place if size is None else size
        if self._failure is None:
            try:
                self._file.truncate(self._end)
            except OSError as error:
                self._failure = error
        return self._end

    def close(self) -> None:
        if not self.closed:
            try:
                self._file.close()
            except OSError as error:
                self._failure = self._failure or error
        super().close()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    @staticmethod
    def _nothing_written() -> int:
        raise OSError(errno.ENOSPC, "No space left on device")
