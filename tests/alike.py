"""The result files of a measurement as far as they must be alike in every run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

OF_THE_RUN = ("seconds", "started", "folder", "command", "settings")
"""Entries that tell when, where and by what command it ran."""


def without_seconds(told: Any) -> Any:
    """JSON values without what depends on the clock and the folder."""
    if isinstance(told, dict):
        return {key: without_seconds(value) for key, value in told.items() if key not in OF_THE_RUN}
    return [without_seconds(each) for each in told] if isinstance(told, list) else told


def contents(folder: Path) -> dict[str, Any]:
    """Every file by its name: JSON without seconds, all else byte by byte."""
    return {
        path.name: without_seconds(json.loads(path.read_text("utf-8"))) if path.suffix == ".json" else path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.name not in ("report.html", "results.csv")
    }
