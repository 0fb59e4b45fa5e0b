"""Tables in text files whose columns are separated by commas, semicolons or tabs."""

from __future__ import annotations

DELIMITERS = ",;\t"


def delimiter_of(header: str) -> str:
    """The delimiter of a table's columns, by its first line."""
    return max(DELIMITERS, key=header.count)
