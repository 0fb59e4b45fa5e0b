"""What TensorFlow says of a run is passed on, but for what says nothing."""

from __future__ import annotations

import logging

import pytest

from learning_functions.running.quiet_start import is_news


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        (
            "5 out of the last 8 calls to <function one_step> triggered tf.function retracing.",
            False,
        ),
        ("Could not allocate 3 GiB.", True),
    ],
)
def test_lines_about_scans_of_several_sizes_are_left_out(said: str, passed: bool) -> None:
    record = logging.LogRecord("tensorflow", logging.WARNING, __file__, 1, said, (), None)
    assert is_news(record) == passed
