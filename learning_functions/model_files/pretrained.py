"""The models that run where none is given: those that are part of the package."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "saved_models"
SHIPPED_MODELS = ("detection.h5", "identification.h5")


def located(model: Path) -> Path:
    """The file of a model: a bare name such as "instances" means the shipped one, unless a file of that name is there.

    Raises: ValueError for a bare name that no shipped model bears.
    """
    model = Path(model)
    if model.suffix or len(model.parts) != 1 or model.exists():
        return model
    file = SHIPPED / f"{model}.h5"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.h5")))
        raise ValueError(f"A model is an .h5 file or one of those shipped, {known}. Received: {model}.")
    return file


def shipped() -> list[Path]:
    """Where they lie."""
    return [SHIPPED / name for name in SHIPPED_MODELS]
