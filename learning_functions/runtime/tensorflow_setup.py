"""TensorFlow started fast, and without the lines its libraries write while they look for GPUs."""

from __future__ import annotations

import logging
import os
import platform
import sys
import tempfile

X86 = ("x86_64", "amd64")


def use_onednn() -> None:
    """Let TensorFlow convolve by oneDNN on every x86 processor, whatever the environment does not say of it.

    Of itself it does so only where there are instructions made for networks (AVX-512 VNNI and later); elsewhere its own
    3D convolutions take several times as long (benchmarks/bench_convolutions.py). To be called before it is imported.
    """
    if platform.machine().lower() in X86:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def start_tensorflow() -> None:
    """Import TensorFlow and let it look for its devices; what it writes to standard error is shown only if it fails."""
    use_onednn()
    if "tensorflow" in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            tf.get_logger().addFilter(is_news)
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
