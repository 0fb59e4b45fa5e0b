"""TensorFlow started fast, and without the lines its libraries write while they look for GPUs."""

from __future__ import annotations

import logging
import os
import platform
import sys
import tempfile
from pathlib import Path

X86 = ("x86_64", "amd64")
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
BACKEND = "tensorflow"
PROCESSOR = Path("/proc/cpuinfo")

log = logging.getLogger(__name__)


def use_onednn() -> None:
    """Let TensorFlow convolve by oneDNN on every x86 processor, whatever the environment does not say of it.

    Of itself it does so only where there are instructions made for networks (AVX-512 VNNI and later); elsewhere its own
    3D convolutions take several times as long (benchmarks/bench_convolutions.py). To be called before it is imported.
    """
    if platform.machine().lower() in X86:
        os.environ.setdefault(ONEDNN, "1")


def start_tensorflow() -> None:
    """Import TensorFlow and let it look for its devices; what it writes to standard error is shown only if it fails.

    A TensorFlow or Keras that was imported before is taken as it is.
    Raises: ValueError where Keras computes by something else.
    """
    if "tensorflow" in sys.modules and ONEDNN not in os.environ and convolves_slowly():
        log.warning(
            "TensorFlow was imported without %s=1, so 3D networks take several times as long on this processor; "
            "import spine_levels before it.",
            ONEDNN,
        )
    use_onednn()
    require_backend(os.environ.get("KERAS_BACKEND", BACKEND))
    if "tensorflow" not in sys.modules and os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "0":
        _import_quietly()
    import keras
    import tensorflow as tf

    require_backend(keras.backend.backend())
    tf.get_logger().addFilter(is_news)


def require_backend(backend: str) -> None:
    """Raise a ValueError unless Keras computes by TensorFlow."""
    if backend != BACKEND:
        raise ValueError(
            f"The networks need Keras on TensorFlow: set KERAS_BACKEND={BACKEND} before Keras is imported. "
            f"Received: {backend!r}."
        )


def convolves_slowly() -> bool:
    """Whether this is an x86 processor on which TensorFlow does not choose oneDNN by itself, as far as can be told."""
    if platform.machine().lower() not in X86 or not PROCESSOR.is_file():
        return False
    return "vnni" not in PROCESSOR.read_text(encoding="utf-8", errors="replace")


def _import_quietly() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        except BaseException:
            hidden.seek(0)
            os.write(kept, hidden.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line of TensorFlow's says more than that a network met scans of several sizes."""
    return "triggered tf.function retracing" not in record.getMessage()
