"""The models that run where none is given: those that are part of the package."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "saved_models"
SHIPPED_MODELS = ("detection.h5", "identification.h5")


def shipped() -> list[Path]:
    """Where they lie."""
    return [SHIPPED / name for name in SHIPPED_MODELS]
