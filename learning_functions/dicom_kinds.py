"""The kinds of DICOM objects that can be asked for."""

from __future__ import annotations

SEG, SR = "seg", "sr"
"""A Segmentation, and a Structured Report of measurements."""


def kinds_in(words: str) -> tuple[str, ...]:
    """The kinds in a text such as "seg,sr"."""
    return tuple(dict.fromkeys(word.strip() for word in words.split(",")))


def kinds_problem(words: str) -> str | None:
    """The problem of a text as a sentence; None where it names kinds."""
    return None if set(kinds_in(words)) <= {SEG, SR} else "DICOM objects are seg, sr or seg,sr."
