"""Data sets of which only the names of the files count."""

from __future__ import annotations

from pathlib import Path


def lay_out(root: Path, *files: str) -> Path:
    """Files of which only the names count (a .json that must be looked into is a list)."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[]")
    return root
