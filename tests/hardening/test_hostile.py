"""Hostile files that need no TensorFlow are refused within the bounds; models and checkpoints in tests/model_files."""

from __future__ import annotations

from pathlib import Path

from hardening.hostile_draw import draw_hostile


def test_hostile_samples_and_images_are_refused_before_anything_runs(tmp_path: Path) -> None:
    outcomes = draw_hostile(tmp_path, keras=False)
    assert [f"{one.name}: {one.what}" for one in outcomes if not one.refused] == []
    assert len(outcomes) > 20
