"""Fixtures of all tests; no test depends on the internet, the time or the order of tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from learning_functions.runtime.tensorflow_setup import use_onednn

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "TEST_DEVICE" not in os.environ:  # make gpu names the device of tests/gpu
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
use_onednn()  # as the scripts do

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real scans, beside the repository."""
    if not REAL.is_dir():
        pytest.skip("the real scans are not beside this checkout")
    return REAL
