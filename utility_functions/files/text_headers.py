"""The text before the voxels of MetaImage and NRRD files, checked before ITK reads it: odd numbers in it crash ITK."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from utility_functions.files.broken_file import BrokenFile

MOST_BYTES = 2**20
"""A header that has not ended by then is none."""
MOST_LETTERS, MOST_LETTERS_OF_A_TEXT = 500, 4000
"""Of one field, and of one that is free text; ITK quotes them in buffers of 512 bytes."""
FREE_TEXTS = ("content", "comment")
MOST_AXES = 10
MOST_NUMBER = 2**31 - 1
SIZES = {".nrrd": ("dimension", "sizes"), ".mha": ("ndims", "dimsize"), ".mhd": ("ndims", "dimsize")}
"""The fields, in small letters, that hold the number of axes and the voxels along each."""
WHOLE = (
    "dimension",
    "ndims",
    "elementnumberofchannels",
    "line skip",
    "lineskip",
    "byte skip",
    "byteskip",
    "headersize",
)
"""Fields of one whole number."""
PER_AXIS = ("sizes", "dimsize", "spacings", "elementspacing", "elementsize", "offset", "position", "origin")
"""Fields of at most one number for each axis."""


def require_sound_header(path: Path) -> None:
    """Raise a BrokenFile where a field is too long, stands twice, or has numbers that no image has.

    What is no such header at all is left to the reader.
    """
    axes_field, sizes_field = SIZES[path.suffix.lower()]
    fields: dict[str, str] = {}
    for name, value in _fields(path):
        if len(value) > (MOST_LETTERS_OF_A_TEXT if name in FREE_TEXTS else MOST_LETTERS):
            raise BrokenFile(f"{path}: the field {name} of its header is {len(value)} letters long.")
        if name in fields and name in (*WHOLE, *PER_AXIS):
            raise BrokenFile(f"{path}: the field {name} stands in its header more than once.")
        fields[name] = value
    for name, value in fields.items():
        if name in WHOLE and not (re.fullmatch(r"[+-]?\d+", value) and abs(int(value)) <= MOST_NUMBER):
            raise BrokenFile(f"{path}: the field {name} of its header is no whole number: {value[:40]!r}.")
    axes = int(fields.get(axes_field, 0))
    if axes_field in fields and not 1 <= axes <= MOST_AXES:
        raise BrokenFile(f"{path}: its header claims {axes} dimensions.")
    sizes = fields.get(sizes_field, "").split()
    wrong = [size for size in sizes if not re.fullmatch(r"-?\d{1,10}", size) or abs(int(size)) > MOST_NUMBER]
    if wrong or (sizes and len(sizes) != axes):
        raise BrokenFile(
            f"{path}: its header must tell the voxels along each of {axes} axes, but it has {' '.join(sizes)[:60]!r}."
        )
    for name in PER_AXIS:
        if len(fields.get(name, "").split()) > max(axes, 3):
            raise BrokenFile(
                f"{path}: the field {name} of its header has more than one number for each of {axes} axes."
            )


def _fields(path: Path) -> Iterator[tuple[str, str]]:
    """The fields of a header with their values, names in small letters."""
    is_nrrd = path.suffix.lower() == ".nrrd"
    separator, left = ":" if is_nrrd else "=", MOST_BYTES
    with path.open("rb") as file:
        while left > 0 and (line := file.readline(left)):
            left -= len(line)
            text = line.decode("latin-1").strip("\r\n \0")
            if is_nrrd and not text:
                return
            name, found, value = text.partition(separator)
            if not found or (is_nrrd and (text.startswith("#") or value.startswith("="))):
                continue
            yield name.strip().lower(), value.strip()
            if name.strip().lower() == "elementdatafile":
                return
