"""Vertebrae that the scan shows in part: what is told of them."""

from __future__ import annotations

from collections.abc import Sequence

AT_BORDER = "cut by the border of the scan"


def truncation_note(names: Sequence[str], truncated: str, why: str = AT_BORDER) -> str:
    """A note on the vertebrae that are ``why``; none where there are none, or with the option ``truncated`` "keep".

    Leaving them out, with "drop", is the caller's.
    """
    if not names or truncated == "keep":
        return ""
    told = f"{', '.join(names)}: {why}"
    return f"{told}, and left out." if truncated == "drop" else f"{told}."
