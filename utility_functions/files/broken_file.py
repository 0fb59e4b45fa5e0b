"""The one error for a file that cannot be used."""

from __future__ import annotations


class BrokenFile(ValueError):
    """A file that cannot be used; the message is one sentence that names it and says what is wrong."""
