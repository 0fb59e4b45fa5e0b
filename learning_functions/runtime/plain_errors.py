"""The translation of TensorFlow's graph errors into errors that a user can act on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

_RAISED_BY_READING = re.compile(r"\b(?:OSError|ValueError|BrokenFile): ([^\n]+)")


@contextmanager
def in_plain_words(advice: str) -> Iterator[None]:
    """Raise MemoryError with the ``advice`` where memory runs out, and OSError where samples cannot be read."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError(f"Memory ran out; {advice}.") from error
    except tf.errors.OpError as error:
        if "No OpKernel" in str(error) and "DT_HALF" in str(error):
            raise ValueError("This device cannot compute in float16: use --precision bfloat16 or float32.") from error
        reason = _RAISED_BY_READING.search(str(error))
        if reason is None:
            raise
        locked = "unable to lock file" in reason.group(1)
        why = "another program has locked a file" if locked else "a file is damaged"
        raise OSError(f"The samples cannot be read, {why}: {reason.group(1)}.") from error
