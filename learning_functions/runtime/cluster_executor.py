"""An executor over the workers of dask's scheduler.

A worker that ends while it works is no error: its work goes to another. Work that several workers have ended with is
done again alone, so that nothing else is blamed for it, and given up where it ends those workers, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import threading
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from learning_functions.runtime.logs_of_work import tell_logs
from learning_functions.runtime.shipped_work import Expected, do_work
from learning_functions.runtime.workers import Answer, Given, WorkerLost

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Remote

LOST = (OSError, AttributeError)
"""What dask's client raises once its connection is lost."""


@dataclass(eq=False)
class _Piece:
    """One piece of work; alone: whether it is done while nothing else is."""

    work: bytes
    future: Future[Any] = field(default_factory=Future)
    remote: Remote | None = None
    alone: bool = False


class ClusterExecutor(Executor):
    """An executor over the workers of a scheduler. Arguments and answers are pickled; log records are told here."""

    def __init__(self, client: Client, address: str, expected: Expected) -> None:
        self._client, self._address, self._expected = client, address, expected
        self._run = uuid.uuid4().hex
        self._lock = threading.RLock()
        self._waiting: deque[_Piece] = deque()
        self._running: set[_Piece] = set()
        self._suspects: deque[_Piece] = deque()

    def submit(self, fn: Callable[Given, Answer], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Answer]:
        """The future answer of ``fn``. Its error is WorkerLost where every worker that tried has ended."""
        piece = _Piece(pickle.dumps((fn, args, kwargs)))
        piece.future.set_running_or_notify_cancel()
        with self._lock:
            self._waiting.append(piece)
            self._start()
        return piece.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """With ``cancel_futures`` the workers end what they do at its next step."""
        with self._lock:
            open_pieces = [*self._waiting, *self._running, *self._suspects]
        if cancel_futures:
            with self._lock:
                for pieces in (self._waiting, self._running, self._suspects):
                    pieces.clear()
            with contextlib.suppress(*LOST):  # a lost connection has cancelled them already
                self._client.cancel([piece.remote for piece in open_pieces if piece.remote is not None])
        elif wait:
            for piece in open_pieces:
                piece.future.exception()

    def _start(self) -> None:
        """Hand out what may run now; the lock is held."""
        if any(piece.alone for piece in self._running):
            return
        starting = list(self._waiting)
        self._waiting.clear()
        if not starting and not self._running and self._suspects:
            starting = [self._suspects.popleft()]
        for piece in starting:
            self._running.add(piece)
            piece.remote = self._client.submit(do_work, self._expected, self._run, piece.work, pure=False)
            piece.remote.add_done_callback(partial(self._ended, piece))

    def _ended(self, piece: _Piece, remote: Remote) -> None:
        """In a thread of the client: pass the answer on, or try the piece again."""
        answer, error = _outcome(remote, self._address)
        with self._lock:
            if piece not in self._running:
                return  # nobody waits for it
            self._running.remove(piece)
            if isinstance(error, WorkerLost) and not piece.alone:
                piece.alone = True
                self._suspects.append(piece)
                self._start()
                return
            self._start()
        if error is None:
            piece.future.set_result(answer)
        else:
            piece.future.set_exception(error)


def _outcome(remote: Remote, address: str) -> tuple[Any, BaseException | None]:
    """The answer of a piece of work, or its error in our own words."""
    from distributed import KilledWorker

    if remote.status == "cancelled":
        return None, OSError(f"The connection to the scheduler at {address} was lost; what is finished is kept.")
    try:
        answer, logs = remote.result()
        tell_logs(logs)
        return answer, None
    except KilledWorker:
        return None, WorkerLost("Every worker that tried it ended meanwhile, most likely for lack of memory.")
    except asyncio.CancelledError:
        return None, OSError(f"The connection to the scheduler at {address} was lost; what is finished is kept.")
    except Exception as error:  # noqa: BLE001  the caller raises it
        return None, error
