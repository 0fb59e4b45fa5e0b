"""Exit code, outcome and files of a script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PRECIOUS = b"worth keeping"


class Outcome(NamedTuple):
    """Exit code, standard outcome and standard error."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The error lines, without a progress bar before them."""
        lines = self.err.replace("\r", "\n").splitlines()
        return [line for line in lines if line.startswith("error: ")]


Run = Callable[..., Outcome]


def require_error(outcome: Outcome, words: str) -> None:
    """One error line with these words, and no traceback."""
    assert outcome.code == 2, outcome
    assert len(outcome.errors) == 1 and words in outcome.errors[0], outcome.err
    assert "Traceback" not in outcome.err and len(outcome.errors[0]) < 800


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
