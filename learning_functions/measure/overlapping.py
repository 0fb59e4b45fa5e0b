"""Work on many scans, one after another: the next is read and the last is written while one runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")
Found = TypeVar("Found")

FAILURES = (ValueError, OSError, MemoryError, RuntimeError)
"""What one scan may fail by without ending the run; the errors of SimpleITK are RuntimeErrors."""


@dataclass(frozen=True)
class Work(Generic[Item, Read, Found]):
    """What is done with one scan, and the memory that it takes.

    read: in a thread of its own. run: in the calling thread. write: in another thread, in the order of the scans; it
        receives one of FAILURES where reading or running has raised it.
    ahead_bytes: of a scan before it is read. held_bytes: of one that was read, until it is written. room_bytes: what
        is left for others while this one runs.
    """

    read: Callable[[Item], Read]
    run: Callable[[Item, Read], Found]
    write: Callable[[Item, Found | Exception], None]
    ahead_bytes: Callable[[Item], float]
    held_bytes: Callable[[Read], float]
    room_bytes: Callable[[Read], float]


def work_through(items: Iterator[Item], work: Work[Item, Read, Found]) -> None:
    """Read, run and write all items. At most one is read ahead and one is written beside the one that runs.

    Where memory has no room for that, one is written and the next is read after the other has run. An interruption is
    raised once the last one that ran is written.
    """
    with ThreadPoolExecutor(1, "reading") as reader, ThreadPoolExecutor(1, "writing") as writer:
        item = next(items, None)
        read = None if item is None else reader.submit(work.read, item)
        written, held = _NOTHING, 0.0
        try:
            while item is not None and read is not None:
                room, holds = _sizes(work, read)
                if not written.done() and held > room:
                    written.result()
                following = next(items, None)
                left = room - (0.0 if written.done() else held)
                ahead = None if following is None else reader.submit(_ahead, following, work, left)
                found = _tried(work, item, read)
                del read  # the scan is let go as soon as it is written
                written.result()
                written, held = writer.submit(work.write, item, found), holds
                del found
                item, read = following, ahead
                if item is not None and ahead is not None and _is_open(ahead):
                    written.result()
                    read = reader.submit(work.read, item)
            written.result()
        except BaseException:
            reader.shutdown(cancel_futures=True)
            raise


_NOTHING: Future[None] = Future()
_NOTHING.set_result(None)


class NotYet(Exception):
    """There is no room to read the next scan ahead."""


def _sizes(work: Work[Item, Read, Found], read: Future[Read]) -> tuple[float, float]:
    """The room beside a scan that was read, and the memory that it holds; none where it could not be read."""
    if read.exception() is not None:
        return 0.0, 0.0
    return work.room_bytes(read.result()), work.held_bytes(read.result())


def _ahead(item: Item, work: Work[Item, Read, Found], room: float) -> Read:
    if work.ahead_bytes(item) > room:
        raise NotYet
    return work.read(item)


def _is_open(ahead: Future[Read]) -> bool:
    """Whether the next scan is still to be read: there was no room, or memory ran out beside the other."""
    return isinstance(ahead.exception(), NotYet | MemoryError)


def _tried(work: Work[Item, Read, Found], item: Item, read: Future[Read]) -> Found | Exception:
    try:
        return work.run(item, read.result())
    except FAILURES as error:
        return error


class Stopped(Exception):
    """Another thread has ended the run."""


class SharedItems(Generic[Item]):
    """Items that several threads take one by one; ``stop`` ends them."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items, self._lock, self._stopped = items, threading.Lock(), False

    def __iter__(self) -> SharedItems[Item]:
        return self

    def __next__(self) -> Item:
        with self._lock:
            if self._stopped:
                raise StopIteration
            return next(self._items)

    def stop(self) -> None:
        self._stopped = True

    def require_open(self) -> None:
        """Raises: Stopped, once ``stop`` was called."""
        if self._stopped:
            raise Stopped


def side_by_side(works: Sequence[Callable[[], None]], items: SharedItems[Item]) -> None:
    """One work in this thread, several in a thread each; after an error or an interruption each ends its item."""
    if len(works) == 1:
        works[0]()
        return
    with ThreadPoolExecutor(len(works), "device") as pool:
        running = [pool.submit(work) for work in works]
        try:
            for ended in as_completed(running):
                ended.result()
        finally:
            items.stop()


class InOrder(Generic[Item, Found]):
    """Results that come in any order and are told in the order of their items.

    told: called with each result and its item, by one thread at a time.
    """

    def __init__(self, items: Sequence[Item], told: Callable[[Found, Item], None]) -> None:
        self._items, self._told, self._lock, self._next = items, told, threading.Lock(), 0
        self._places = {item: place for place, item in enumerate(items)}
        self._known: dict[int, Found] = {}

    def add(self, item: Item, found: Found) -> None:
        with self._lock:
            self._known[self._places[item]] = found
            while self._next in self._known:
                self._told(self._known[self._next], self._items[self._next])
                self._next += 1

    def replace(self, item: Item, found: Found) -> None:
        """Another result in place of one that is known; it is not told."""
        with self._lock:
            self._known[self._places[item]] = found

    def known(self) -> list[tuple[Item, Found]]:
        """The items whose results are known, in their order, each with its result."""
        return [(self._items[place], self._known[place]) for place in sorted(self._known)]

    def all_known(self) -> list[Found]:
        """In the order of the items; some are missing where the run was interrupted."""
        return [found for _, found in self.known()]
