"""Log records of work in another process: collected there, and told where the user reads them."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

OTHERS = ("distributed", "tornado", "asyncio")
"""Loggers that tell of the cluster, not of the work."""


class _Collecting(logging.Handler):
    """Keeps records, made ready to be pickled; a message and what stands in it stay apart."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in OTHERS:
            return
        kept = copy.copy(record)
        kept.msg, kept.args = str(record.msg), _portable(record.args or ())
        kept.exc_info = kept.exc_text = kept.stack_info = None
        self.found.append(kept)


def _portable(value: Any) -> Any:
    """Numbers as they are, in tuples and lists, too; all else as text."""
    if isinstance(value, tuple | list):
        return type(value)(map(_portable, value))
    if isinstance(value, Mapping):
        return {name: _portable(each) for name, each in value.items()}
    return value if value is None or isinstance(value, bool | int | float) else str(value)


@contextmanager
def collected_logs() -> Iterator[list[logging.LogRecord]]:
    """The records of this process from the level INFO on, while the block lasts; nothing else tells them."""
    root, collecting = logging.getLogger(), _Collecting()
    handlers, level = root.handlers, root.level
    root.handlers = [collecting]
    root.setLevel(logging.INFO)
    try:
        yield collecting.found
    finally:
        root.handlers = handlers
        root.setLevel(level)


def tell_logs(records: Iterable[logging.LogRecord]) -> None:
    """Tell records of another process here."""
    for record in records:
        logging.getLogger(record.name).handle(record)
