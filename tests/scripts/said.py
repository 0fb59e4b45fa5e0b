"""Exit code, output and files of a script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PRECIOUS = b"worth keeping"


class Said(NamedTuple):
    """Exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The error lines, without a progress bar before them."""
        lines = self.err.replace("\r", "\n").splitlines()
        return [line for line in lines if line.startswith("error: ")]


Run = Callable[..., Said]


def told(said: Said, words: str) -> None:
    """One error line with these words, and no traceback."""
    assert said.code == 2, said
    assert len(said.errors) == 1 and words in said.errors[0], said.err
    assert "Traceback" not in said.err and len(said.errors[0]) < 800


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
