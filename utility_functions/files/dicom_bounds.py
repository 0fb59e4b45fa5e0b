"""Limits of what a DICOM file may unpack to, checked before pydicom takes the memory."""

from __future__ import annotations

import zlib
from pathlib import Path

from utility_functions.files.broken_file import BrokenFile

DEFLATED = b"1.2.840.10008.1.2.1.99"
MOST_INFLATED = 2**28
MOST_UNPACKED, FREE_BYTES = 2000, 2**26
"""Pixels take at most so many times the file's bytes, where they take more than FREE_BYTES."""
_PIECE = 2**22
MOST_OF_A_META_HEADER = 2**14
LONG_KINDS = (b"OB", b"OW", b"OF", b"SQ", b"UN", b"UT")
"""Kinds of values whose length takes four bytes."""
_PREAMBLE = 132


def require_bounded(path: Path) -> None:
    """Raise a BrokenFile where a deflated data set inflates to more than MOST_INFLATED bytes."""
    with path.open("rb") as file:
        start = file.read(MOST_OF_A_META_HEADER)
        if DEFLATED not in start:
            return
        file.seek(_end_of_meta_header(start))
        unpacker, total, waiting = zlib.decompressobj(-zlib.MAX_WBITS), 0, b""
        try:
            while total <= MOST_INFLATED and not unpacker.eof and (waiting or (waiting := file.read(_PIECE))):
                total += len(unpacker.decompress(waiting, _PIECE))
                waiting = unpacker.unconsumed_tail
        except zlib.error:
            return  # the reader says what is wrong
    if total > MOST_INFLATED:
        raise BrokenFile(f"{path}: its data set inflates to more than {MOST_INFLATED >> 20} MB.")


def _end_of_meta_header(start: bytes) -> int:
    """Where the data set begins: behind the last element of group 2."""
    place = _PREAMBLE
    while start[place : place + 2] == b"\x02\x00":
        if start[place + 4 : place + 6] in LONG_KINDS:
            place += 12 + int.from_bytes(start[place + 8 : place + 12], "little")
        else:
            place += 8 + int.from_bytes(start[place + 6 : place + 8], "little")
    return place


def require_pixels(path: Path, size: int) -> None:
    """Raise a BrokenFile where the header claims ``size`` bytes of pixels that no compression packs into the file."""
    if size > max(FREE_BYTES, MOST_UNPACKED * path.stat().st_size):
        raise BrokenFile(f"{path}: its voxels cannot be read, the file is too short for its header.")
