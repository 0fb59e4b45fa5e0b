"""Worker processes that never outlive the run that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from types import FrameType
from typing import NoReturn

SECONDS_TO_END = 5.0
"""A worker that was asked to end has so long to clear away what it has begun."""


@contextmanager
def worker_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of ``count`` processes, made anew; whatever ends the block early ends them too, and what they are doing.

    Raises: OSError where a worker was ended from outside.
    """
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    with ProcessPoolExecutor(count, mp_context=context, initializer=_end_when_asked) as pool:
        try:
            yield pool
        except BrokenProcessPool as error:
            raise OSError(
                "A worker process was ended from outside, most likely for lack of memory; use fewer workers."
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            workers = [worker for worker in multiprocessing.active_children() if worker not in before]
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.join(SECONDS_TO_END)
                worker.kill()
            raise


def _end_when_asked() -> None:
    """In a worker: it ends when it is asked, and with its parent."""
    parent = multiprocessing.parent_process()
    end_with_parent(None if parent is None else partial(wait, [parent.sentinel]))


def end_with_parent(parent_gone: Callable[[], object] | None) -> None:
    """In a process that works for another: SIGTERM clears away and ends it, Ctrl-C is left to the parent.

    parent_gone: returns once the parent has ended, which then ends this process too; None: nobody looks.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    if parent_gone is not None:
        threading.Thread(target=_end_after, args=(parent_gone,), daemon=True).start()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _end_after(parent_gone: Callable[[], object]) -> None:
    parent_gone()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(SECONDS_TO_END)
    os._exit(1)
