"""Where work runs that depends on its arguments alone: in this process, in others of this machine, or on a cluster.

All three are executors (`concurrent.futures`), so that whoever has work for them need not know which one it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from utility_functions.command_line import usable_processors
from utility_functions.worker_pool import worker_pool

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class WorkerLost(OSError):
    """Every worker that did a piece of work ended while it did so; other work may go on."""


@dataclass(frozen=True)
class Pool:
    """Workers that are there now. ahead: how many pieces of work they are given before the first answer is taken."""

    executor: Executor
    ahead: Callable[[], int]

    def in_order(self, function: Callable[..., Answer], calls: Iterable[tuple[Any, ...]]) -> Generator[Future[Answer]]:
        """The answers to ``function`` called with each of ``calls``, ended and in that order, ``ahead`` at a time."""
        waiting: deque[Future[Answer]] = deque()
        for call in calls:
            waiting.append(self.executor.submit(function, *call))
            if len(waiting) >= self.ahead():
                yield _ended(waiting.popleft())
        while waiting:
            yield _ended(waiting.popleft())


def _ended(future: Future[Answer]) -> Future[Answer]:
    future.exception()
    return future


class Workers(ABC):
    """Where work runs. elsewhere: whether it runs in other processes than this one."""

    elsewhere: bool

    @abstractmethod
    def pool(
        self, most: int, reads: Sequence[Path] = (), writes: Path | None = None, alone: bool = False
    ) -> AbstractContextManager[Pool]:
        """Workers for at most so many pieces of work at once; whatever ends the block early ends the work, too.

        reads: files that the work reads, and writes: a folder that it writes to; workers must see both. alone: whether
        the work keeps out of this process in any case.
        Raises: OSError where a worker sees other files, or is lost.
        """


@dataclass(frozen=True)
class LocalWorkers(Workers):
    """Processes of this machine; this one alone, where there is but one. count: None for one per processor."""

    count: int | None = 1

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise ValueError(f"At least one worker is needed. Received: {self.count}.")

    @property
    def elsewhere(self) -> bool:  # type: ignore[override]
        return self.count != 1

    @contextmanager
    def pool(
        self, most: int, reads: Sequence[Path] = (), writes: Path | None = None, alone: bool = False
    ) -> Iterator[Pool]:
        count = min(self.count or usable_processors(), max(most, 1))
        if count == 1 and not alone:
            yield Pool(InThisProcess(), lambda: 1)
            return
        with worker_pool(count) as processes:
            yield Pool(processes, lambda: 2 * count)


THIS_PROCESS = LocalWorkers(1)


class InThisProcess(Executor):
    """An executor that does each piece of work at once, in the thread that submits it."""

    def submit(self, fn: Callable[Given, Answer], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Answer]:
        """The answer, ended. Raises what is no error, such as an interruption."""
        done: Future[Answer] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  the caller raises it
            done.set_exception(error)
        return done
