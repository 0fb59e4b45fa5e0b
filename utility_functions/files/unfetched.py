"""Files whose data is elsewhere, as in data sets of DataLad: links that lead nowhere, and pointers in place of data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

POINTERS = (b"version https://git-lfs", b"/annex/objects/")
"""The beginnings of files that Git LFS and git-annex leave in place of data."""
ADVICE = "fetch the data first, for example with datalad get or git lfs pull"


def leads_nowhere(path: Path) -> bool:
    """Whether a path is a link whose target is not there."""
    return path.is_symlink() and not path.exists()


def is_pointer(path: Path) -> bool:
    """Whether a small text stands in a file in place of its data."""
    if not path.is_file() or path.stat().st_size > 1024:
        return False
    with path.open("rb") as file:
        return file.read(32).startswith(POINTERS)


def absence_of(path: Path) -> str:
    """Why nothing is at ``path``, in words that follow its name."""
    if leads_nowhere(path):
        return f"is a link that leads nowhere (to {path.readlink()}); {ADVICE}."
    return "there is no such file or folder."


def told_links(links: Sequence[Path]) -> str:
    """Links that lead nowhere, in words."""
    what = f"{links[0].name} is a link that leads" if len(links) == 1 else f"{len(links)} links lead"
    return f"{what} nowhere{'' if len(links) == 1 else f', such as {links[0].name}'}; {ADVICE}"
