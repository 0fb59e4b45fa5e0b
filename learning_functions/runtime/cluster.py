"""The workers of a cluster, through the scheduler of dask.distributed (Rocklin 2015): reached and looked at."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from learning_functions.runtime.cluster_executor import LOST, ClusterExecutor
from learning_functions.runtime.shipped_work import (
    Expected,
    OtherWorker,
    code_hash,
    problem_here,
    seen,
    versions_here,
)
from learning_functions.runtime.workers import Pool, Workers
from utility_functions.files.atomic_write import require_writable
from utility_functions.files.unfinished_folders import unfinished_folder
from utility_functions.reporting.versions import PACKAGE

if TYPE_CHECKING:
    from distributed import Client

EXTRA = "cluster"
SECONDS_TO_ANSWER = 10.0
"""A scheduler that is there answers within this."""
SECONDS_TO_LOOK = 5.0
"""How often a run looks whether there are workers."""
LEAST_AHEAD = 4
FIRST_FILES, MOST_FILES = 10, 30
"""Each worker looks for the first files that the work reads, and for about so many of the others."""

log = logging.getLogger(__name__)


@contextmanager
def connected(scheduler: str) -> Iterator[ClusterWorkers]:
    """The workers of the cluster whose scheduler is at this address, or has written this JSON file.

    Raises: ValueError for an address that is none, or without dask.distributed; OSError where no scheduler answers.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ValueError(
            f"A cluster needs the package distributed: pip install {PACKAGE}[{EXTRA}]. "
            f"Received: --scheduler {scheduler}."
        )
    address = _address(scheduler)
    from distributed import Client

    _require_answer(address)
    for name in ("distributed", "distributed.client", "distributed.core"):  # what it tells, our errors tell
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False) as client:
        yield ClusterWorkers(client, address)


def _address(scheduler: str) -> str:
    """The address itself, or the one in the JSON file."""
    if not scheduler.endswith(".json"):
        return scheduler
    try:
        return str(json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"This is no file of dask's scheduler. Received: --scheduler {scheduler}.") from error


def _require_answer(address: str) -> None:
    from distributed import rpc

    async def kind() -> str:
        async with rpc(address, timeout=SECONDS_TO_ANSWER) as there:
            return str((await there.identity())["type"])

    try:
        found = asyncio.run(asyncio.wait_for(kind(), SECONDS_TO_ANSWER))
    except ValueError as error:
        raise ValueError(
            f"The address of a scheduler is one such as tcp://node:8786. Received: --scheduler {address}."
        ) from error
    except (OSError, TimeoutError) as error:
        raise OSError(
            f"No scheduler answers at {address} within {SECONDS_TO_ANSWER:g} seconds; is it running, and reachable?"
        ) from error
    if found != "Scheduler":
        raise ValueError(f"A worker of dask answers there, no scheduler. Received: --scheduler {address}.")


@dataclass(frozen=True)
class ClusterWorkers(Workers):
    """The workers of a cluster. Those that join later are taken in, too."""

    client: Client
    address: str
    elsewhere = True

    @contextmanager
    def pool(
        self, most: int, reads: Sequence[Path] = (), writes: Path | None = None, alone: bool = False
    ) -> Iterator[Pool]:
        with _mark(writes) as mark:
            expected = Expected(code_hash(), seen([*_some(reads), *mark]))
            self._require_alike(expected)
            executor = ClusterExecutor(self.client, self.address, expected)
            try:
                with _watched(self.client, self.address):
                    yield Pool(executor, self._ahead)
            finally:
                executor.shutdown(wait=False, cancel_futures=True)

    def _ahead(self) -> int:
        with contextlib.suppress(*LOST):
            return max(LEAST_AHEAD, 2 * len(_threads(self.client)))
        return LEAST_AHEAD

    def _require_alike(self, expected: Expected) -> None:
        """Look at all workers that are there: the same program, the same files. Tell of other versions of packages."""
        threads = _threads(self.client)
        for name, count in threads.items():
            if count > 1:
                log.warning("%s has %d threads, which take turns; start it with --nthreads 1.", name, count)
        for name, problem in self._asked(problem_here, expected).items():
            if not isinstance(problem, str):
                raise OtherWorker(f"The worker {name} has no {PACKAGE} of this version: {problem}.")
            if problem:
                raise OtherWorker(f"The worker {name} {problem}.")
        here = versions_here()
        for name, there in self._asked(versions_here).items():
            differ = [
                f"{each} {there.get(each)} instead of {own}" for each, own in here.items() if there.get(each) != own
            ]
            if differ:
                log.warning("Results may differ a little, since %s has %s.", name, ", ".join(differ))

    def _asked(self, question: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """The answers of all workers, by address; an error where one cannot answer."""
        answers: dict[str, Any] = self.client.run(question, *arguments, on_error="return")
        return answers


def _some(paths: Sequence[Path]) -> list[Path]:
    """Some of the paths that are there, over their whole range."""
    others = paths[FIRST_FILES :: max(1, len(paths) // MOST_FILES)]
    return [path for path in (*paths[:FIRST_FILES], *others) if path.exists()]


def _threads(client: Client) -> dict[str, int]:
    """The workers that are there, with their threads."""
    found: dict[str, int] = client.nthreads()
    return found


@contextmanager
def _mark(folder: Path | None) -> Iterator[list[Path]]:
    """A hidden folder in ``folder`` by which workers know it; it goes again; so does a new one that stayed empty."""
    if folder is None:
        yield []
        return
    require_writable(folder)
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with unfinished_folder(folder / "shared") as mark:
            yield [mark]
    finally:
        if new:
            with contextlib.suppress(OSError):
                folder.rmdir()


@contextmanager
def _watched(client: Client, address: str) -> Iterator[None]:
    """Inside, a line tells when no worker is there, and the work waits for one."""
    ended = threading.Event()

    def look() -> None:
        told = False
        while True:
            with contextlib.suppress(*LOST):  # the executor tells of a lost connection
                nobody = not _threads(client)
                if nobody and not told:
                    with tqdm.external_write_mode():
                        log.warning("No worker is there; the work waits until one joins %s. Ctrl-C ends it.", address)
                told = nobody
            if ended.wait(SECONDS_TO_LOOK):
                return

    watch = threading.Thread(target=look, name="watch", daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
