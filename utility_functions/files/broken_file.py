"""The one error for a file that cannot be used."""

from __future__ import annotations

import errno
import os

ELSEWHERE = (errno.EIO, errno.ESTALE, errno.ENOENT, errno.ENXIO, errno.ETIMEDOUT, errno.ENOTCONN)


class BrokenFile(ValueError):
    """A file that cannot be used; the message is one sentence that names it and says what is wrong."""


def why_hdf5_failed(error: BaseException) -> str:
    """Why an HDF5 file could not be read, in words that follow its name: a lock, or a lost drive, is no damage."""
    number = error.errno if isinstance(error, OSError) else None
    text = " ".join(str(error).split()).rstrip(".")
    if "unable to lock file" in text:
        return (
            "is locked: another program has it open, or its drive has no locks (then set "
            f"HDF5_USE_FILE_LOCKING=FALSE; {os.strerror(number) if number else 'no lock was given'})"
        )
    if number in ELSEWHERE:
        return f"cannot be read ({os.strerror(number)})"
    return f"is cut short or damaged: {text}"
