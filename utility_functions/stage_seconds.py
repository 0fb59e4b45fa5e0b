"""The wall time of a command's stages, told by whoever measures it to whoever listens, such as a support log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

STAGES = logging.getLogger(__name__)
"""The logger of stages; its records are below the level that is shown."""


def tell_seconds(seconds: Mapping[str, float], of: str = "") -> None:
    """Tell how long stages took. of: what went through them, such as "scan"; no name of it."""
    if STAGES.isEnabledFor(logging.DEBUG):
        STAGES.debug(
            "%s%s", f"{of}: " if of else "", ", ".join(f"{name} {took:.2f} s" for name, took in seconds.items())
        )


def tell_problem(error: BaseException, of: str) -> None:
    """Tell the kind of an error that does not end the command, and where it was raised; not its words."""
    if STAGES.isEnabledFor(logging.DEBUG):
        STAGES.debug("%s: %s", of, place_of(error))


@contextmanager
def timed_stage(name: str) -> Iterator[None]:
    """Tell how long the block took."""
    started = time.perf_counter()
    try:
        yield
    finally:
        tell_seconds({name: time.perf_counter() - started})


def place_of(error: BaseException) -> str:
    """The kind of an error, the functions that it came through, and those of its causes, without any of its words."""
    words: list[str] = []
    one: BaseException | None = error
    while one is not None and len(words) < 5:
        steps, frame = [], one.__traceback__
        while frame is not None:
            code = frame.tb_frame.f_code
            steps.append(f"{frame.tb_frame.f_globals.get('__name__', '?')}.{code.co_name}:{frame.tb_lineno}")
            frame = frame.tb_next
        words.append(f"{type(one).__name__} in {' > '.join(steps[-4:]) or 'no function'}")
        one = one.__cause__ or one.__context__
    return " after ".join(words)
