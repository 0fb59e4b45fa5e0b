"""TensorFlow started without the lines its libraries write while they look for GPUs."""

from __future__ import annotations

import logging
import os
import sys
import tempfile


def start_tensorflow() -> None:
    """Import TensorFlow and let it look for its devices; what it writes to standard error is shown only if it fails."""
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
