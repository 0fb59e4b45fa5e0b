"""TensorFlow's messages without the irrelevant ones, and the faster convolution library."""

from __future__ import annotations

import logging
import os
import platform

import pytest

from learning_functions.runtime.tensorflow_setup import is_news, start_tensorflow, use_onednn

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


@pytest.mark.parametrize(
    ("output", "passed"),
    [
        (
            "5 out of the last 8 calls to <function one_step> triggered tf.function retracing.",
            False,
        ),
        ("Could not allocate 3 GiB.", True),
    ],
)
def test_messages_about_several_input_sizes_are_suppressed(output: str, passed: bool) -> None:
    record = logging.LogRecord("tensorflow", logging.WARNING, __file__, 1, output, (), None)
    assert is_news(record) == passed


@pytest.mark.parametrize(
    ("machine", "given", "left"),
    [
        ("x86_64", None, "1"),
        ("AMD64", None, "1"),
        ("x86_64", "0", "0"),
        ("aarch64", None, None),
        ("arm64", "1", "1"),
    ],
)
def test_onednn_is_enabled_where_it_is_faster_and_not_set_by_the_user(
    machine: str, given: str | None, left: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setenv(ONEDNN, "")  # restores the earlier value
    monkeypatch.delenv(ONEDNN)
    if given is not None:
        monkeypatch.setenv(ONEDNN, given)
    use_onednn()
    assert os.environ.get(ONEDNN) == left


def test_every_entry_point_enables_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")  # which starts TensorFlow with all its messages
    monkeypatch.setenv(ONEDNN, "")  # restores the earlier value
    monkeypatch.delenv(ONEDNN)
    start_tensorflow()
    assert os.environ[ONEDNN] == "1"
