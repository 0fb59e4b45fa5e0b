"""The one error for a file that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path


class BrokenFile(ValueError):
    """A file that cannot be used; the message is one sentence that names it and says what is wrong."""


def require_utf8(path: Path) -> Path:
    """The path; a BrokenFile where its bytes are no UTF-8: neither SimpleITK nor JSON can hold such a name."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "replace")
        raise BrokenFile(f"{shown}: its name is not in UTF-8, as of an old disk; rename it.") from error
    return path
