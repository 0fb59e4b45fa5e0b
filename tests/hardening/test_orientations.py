"""A few storages in every format lie where they were written; make harden takes all 48."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.orientations import all_places


@pytest.mark.parametrize("axcodes", ["RAS", "PIR", "SLA"])
def test_what_is_written_is_read_at_the_same_mm(axcodes: str, tmp_path: Path) -> None:
    places = list(all_places(tmp_path, (axcodes,)))
    assert [one for one in places if not one.right] == []
    assert len(places) == 60 and len({one.format for one in places}) == 15
