"""Notes on vertebrae that are truncated by the field of view."""

from __future__ import annotations

from collections.abc import Sequence

AT_BORDER = "truncated by the border of the scan"


def truncation_note(names: Sequence[str], truncated: str, why: str = AT_BORDER) -> str:
    """A note on the vertebrae ``names``; "" where there are none, or with the option ``truncated`` "keep".

    why: how they are truncated. With "drop" the caller leaves them out.
    """
    if not names or truncated == "keep":
        return ""
    note = f"{', '.join(names)}: {why}"
    return f"{note}, and left out." if truncated == "drop" else f"{note}."
