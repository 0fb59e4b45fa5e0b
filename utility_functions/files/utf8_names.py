"""Paths whose names every library can hold."""

from __future__ import annotations

import os
from pathlib import Path

from utility_functions.files.broken_file import BrokenFile


def require_utf8(path: Path) -> Path:
    """The path; a BrokenFile where its bytes are no UTF-8: neither SimpleITK nor JSON can hold such a name."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "replace")
        raise BrokenFile(f"{shown}: its name is not in UTF-8, as of an old disk; rename it.") from error
    return path
