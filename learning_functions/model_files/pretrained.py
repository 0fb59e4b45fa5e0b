"""The pretrained models of the package, which run by the modality of the scan where the user names none."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "saved_models"
SHIPPED_MODELS = ("detection.h5", "identification.h5", "panoptic.h5")
"""The best models for CT."""
FAST_MODELS = ("detection.h5", "identification.h5")
FINDER = "spine_heatmap.h5"
"""Tells the models for CT that are searched for the spine where it is."""
MR_MODELS = ("panoptic_mr.h5",)
CHOICES = ("best", "fast")
"""The choices among shipped models; fast ones leave out masks of whole vertebrae in CT."""


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


def shipped(modality: str = "CT", choice: str = "best") -> list[Path]:
    """The paths of the models that run by default on a scan of a modality; what is not MR gets the models for CT."""
    if modality == "MR":
        return [SHIPPED / name for name in MR_MODELS]
    return [SHIPPED / name for name in (FAST_MODELS if choice == "fast" else SHIPPED_MODELS)]
