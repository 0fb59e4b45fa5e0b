"""The start of TensorFlow: with oneDNN, and without the lines that its libraries write while they look for GPUs."""

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
    """Let TensorFlow use oneDNN on every x86 processor, unless the environment decides otherwise.

    By default TensorFlow uses it only with AVX-512 VNNI and later instructions. Elsewhere its own 3D convolutions take
    several times as long (benchmarks/bench_convolutions.py). The call must precede the import of TensorFlow.
    """
    if platform.machine().lower() in X86:
        os.environ.setdefault(ONEDNN, "1")


def start_tensorflow() -> None:
    """Import TensorFlow and let it find its devices; its messages appear on standard error only if that fails.

    TensorFlow and Keras may be imported already. Raises: ValueError where Keras has another backend.
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
    """Raise a ValueError unless TensorFlow is the backend of Keras."""
    if backend != BACKEND:
        raise ValueError(
            f"The networks need Keras on TensorFlow: set KERAS_BACKEND={BACKEND} before Keras is imported. "
            f"Received: {backend!r}."
        )


def convolves_slowly() -> bool:
    """Whether this is an x86 processor without VNNI, on which TensorFlow does not choose oneDNN by itself."""
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
    """Whether a log record says more than that a network is traced again for scans of another size."""
    return "triggered tf.function retracing" not in record.getMessage()
