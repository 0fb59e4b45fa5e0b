"""Memory that the process has freed goes back to the system, where the C library keeps it for each of its threads."""

from __future__ import annotations

import contextlib
import ctypes


def return_freed_memory() -> None:
    """Give freed memory back to the system.

    glibc keeps an arena for each thread, and what TensorFlow's threads free stays in it; so the process seems to grow
    though what it uses does not. Other C libraries have no such call, and nothing is done there.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
