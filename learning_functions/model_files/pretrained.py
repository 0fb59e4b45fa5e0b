"""The pretrained models of the package, which run where the user names none."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "saved_models"
SHIPPED_MODELS = ("detection.h5", "identification.h5", "panoptic.h5")


def located(model: Path) -> Path:
    """The file of a model. A bare name such as "instances" is the shipped model, unless a file has that name.

    Raises: ValueError for a bare name that no shipped model has.
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
    """The paths of the models that run by default."""
    return [SHIPPED / name for name in SHIPPED_MODELS]
