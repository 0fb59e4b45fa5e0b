"""A case: one scan on disk with what is known of it, and the errors a broken one raises."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class BrokenFile(ValueError):
    """A file that cannot be used; the message is one sentence that names it and says what is wrong."""


@dataclass(frozen=True)
class Case:
    """What a manifest row or a discovered folder gives.

    case_id: unique within a data set; outputs are named after it.
    image_path: an image file or a DICOM series folder.
    patient: cases of one patient share it; splits never part them.
    modality: "CT" or "MR".
    split: "training", "validation", "testing" or "" where the source does not say.
    landmarks_path, label_map_path: annotations, where there are any.
    """

    case_id: str
    image_path: Path
    patient: str = ""
    modality: str = "CT"
    split: str = ""
    landmarks_path: Path | None = None
    label_map_path: Path | None = None

    def __post_init__(self) -> None:
        if not self.case_id:
            raise ValueError(f"A case needs an id. Received: {self!r}.")
        if not self.patient:
            object.__setattr__(self, "patient", self.case_id)
