"""Whether a scan is what the models of a run learnt from: its modality, its intensities and its size."""

from __future__ import annotations

from collections.abc import Sequence

from learning_functions.predict.trained_model import TrainedModel
from utility_functions.anatomy.body_size import size_doubt
from utility_functions.anatomy.hounsfield import doubt_of_hu
from utility_functions.files.cases import Scan

IN_WORDS = {"PT": "PET", "NM": "nuclear medicine", "US": "ultrasound"}


def require_modality(scan: Scan, models: Sequence[TrainedModel]) -> None:
    """Raise a ValueError where a model that is shown HU would be shown another modality.

    What DICOM or a manifest tells is believed; a file's name only where the intensities are no HU either.
    """
    shown = [model.task_name for model in models if shown_hu(model)]
    case = scan.case
    if not shown or case.modality == "CT":
        return
    if case.modality_told or doubt_of_hu(scan.volume.voxels):
        told = "what its source tells" if case.modality_told else "its name and its intensities"
        raise ValueError(
            f"By {told} this is {IN_WORDS.get(case.modality, case.modality)} and no CT, and the models of "
            f"{', '.join(shown)} learnt from CT; use models for it or, where this is wrong, name the modality in a "
            f"manifest. Received: {case.image_path}."
        )


def doubts_of(scan: Scan, models: Sequence[TrainedModel]) -> list[str]:
    """What the user should know of the scan before believing the findings, in sentences."""
    doubts = [size_doubt(scan.volume.grid)]
    if any(shown_hu(model) for model in models):
        doubts.append(doubt_of_hu(scan.volume.voxels))
    return [doubt for doubt in doubts if doubt]


def shown_hu(model: TrainedModel) -> bool:
    """Whether the model sees images through a fixed window of Hounsfield units."""
    return model.task.sees_images and model.settings.spec.intensity == "window"
