"""How a script ended and what it said."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Said(NamedTuple):
    """Exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The error lines, without what a progress bar left before them."""
        lines = self.err.replace("\r", "\n").splitlines()
        return [line for line in lines if line.startswith("error: ")]


Run = Callable[..., Said]
