"""Data sets of empty files, of which only the names matter."""

from __future__ import annotations

from pathlib import Path


def lay_out(root: Path, *files: str) -> Path:
    """Creates files of which only the names matter (a .json holds a list)."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[]")
    return root
