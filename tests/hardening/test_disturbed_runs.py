"""A few runs of generate_samples.py, killed or on a full disk: nothing half is left, and going on gives all."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from hardening.disturbed_runs import draw_disturbances
from hardening.killed_runs import draw_kills

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="processes are looked for in /proc")


def test_killed_runs_leave_nothing_half_and_go_on(tmp_path: Path) -> None:
    runs = draw_kills(tmp_path, 3, 4, scripts=("generate_samples",), signals=(signal.SIGKILL, signal.SIGTERM))
    assert [f"{one.how}: {one.wrong}" for one in runs if one.wrong] == []


def test_runs_on_a_disk_that_fills_tell_so_and_go_on(tmp_path: Path) -> None:
    runs = draw_disturbances(tmp_path, 4, 4, scripts=("generate_samples",), kinds=("limit", "vanishing"))
    assert [f"{one.how}: {one.wrong}" for one in runs if one.wrong] == []
    assert any(one.code == 2 for one in runs)
