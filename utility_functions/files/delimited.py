"""Tables in text files whose columns are parted by commas, semicolons or tabs."""

from __future__ import annotations

DELIMITERS = ",;\t"


def delimiter_of(header: str) -> str:
    """What parts the columns of a table, by its first line."""
    return max(DELIMITERS, key=header.count)
