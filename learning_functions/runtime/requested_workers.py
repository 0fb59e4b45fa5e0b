"""The choice of where work runs: a cluster whose scheduler is named, or this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from learning_functions.runtime.cluster import connected
from learning_functions.runtime.workers import Workers


@contextmanager
def requested_workers(scheduler: str | None, otherwise: Workers) -> Iterator[Workers]:
    """The workers of the cluster whose ``scheduler`` is named; None: ``otherwise``.

    scheduler: the address of dask's scheduler, such as "tcp://node:8786", or the JSON file that it writes.
    Raises: ValueError or OSError, in one sentence and within seconds, where no such scheduler answers.
    """
    if scheduler is None:
        yield otherwise
        return
    with connected(scheduler) as workers:
        yield workers
