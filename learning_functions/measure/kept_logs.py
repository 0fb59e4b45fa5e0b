"""Log records of work on several scans at once: kept by scan, and told when its turn comes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Kept = list[tuple[logging.Handler, logging.LogRecord]]
"""Records, and the handlers that are to tell them."""

_OF_THIS_THREAD: ContextVar[Kept | None] = ContextVar("kept", default=None)


class _Keeping(logging.Filter):
    """Keeps the records of a handler where the thread at work keeps them."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler

    def filter(self, record: logging.LogRecord) -> bool:
        kept = _OF_THIS_THREAD.get()
        if kept is None:
            return True
        kept.append((self._handler, record))
        return False


@contextmanager
def keeping_logs() -> Iterator[None]:
    """Inside, ``kept_in`` keeps what the root logger's handlers would tell."""
    filters = [(handler, _Keeping(handler)) for handler in logging.getLogger().handlers]
    for handler, each in filters:
        handler.addFilter(each)
    try:
        yield
    finally:
        for handler, each in filters:
            handler.removeFilter(each)


@contextmanager
def kept_in(kept: Kept) -> Iterator[None]:
    """Log records of this thread are added to ``kept`` and not told yet."""
    token = _OF_THIS_THREAD.set(kept)
    try:
        yield
    finally:
        _OF_THIS_THREAD.reset(token)


def tell(kept: Kept) -> None:
    """Let the handlers tell the records kept, in their order."""
    for handler, record in kept:
        handler.handle(record)
    kept.clear()
