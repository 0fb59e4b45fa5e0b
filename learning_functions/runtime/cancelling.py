"""Whether the work that runs is still wanted: long work asks between its steps, and ends where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_WANTED: ContextVar[Callable[[], bool] | None] = ContextVar("wanted", default=None)


class NoLongerWanted(Exception):
    """Whoever asked for the work has taken it back, or is gone."""


@contextmanager
def while_wanted(wanted: Callable[[], bool]) -> Iterator[None]:
    """Inside, work of this thread ends at its next step once ``wanted`` is false."""
    token = _WANTED.set(wanted)
    try:
        yield
    finally:
        _WANTED.reset(token)


def require_wanted() -> None:
    """Raises: NoLongerWanted."""
    wanted = _WANTED.get()
    if wanted is not None and not wanted():
        raise NoLongerWanted
