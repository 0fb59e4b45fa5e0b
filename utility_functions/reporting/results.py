"""The record of a run of measuring: its scans, its models and their scores; it converts to JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings
from utility_functions.records.localisation_scores import ScanScore
from utility_functions.records.mask_scores import SegmentationScore
from utility_functions.records.mr_structure_scores import StructureScore
from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.naming_scores import NamingSummary


@dataclass(frozen=True)
class ScanRow:
    """One scan of a run.

    findings: None for a scan that could not be measured; its maps and candidates are let go, so that many rows fit in
        memory.
    problem: why it could not be measured.
    structures: the scores of vertebrae, discs and canal, where a model of MR predicted them and there is a truth.
    segmentation: the scores of its masks, where it has masks of whole vertebrae and a truth of such.
    has_image: false for landmarks that were named without one; the grid of the findings is meaningless then.
    """

    case_id: str
    findings: Findings | None = None
    truth: Landmarks | None = None
    score: ScanScore | None = None
    picture: Path | None = None
    problem: str = ""
    segmentation: SegmentationScore | None = None
    has_image: bool = True
    structures: StructureScore | None = None

    def __post_init__(self) -> None:
        if self.findings is not None:
            light = self.findings.having(**dict.fromkeys(self.findings.maps), candidates=())
            object.__setattr__(self, "findings", light)

    @property
    def landmarks(self) -> Landmarks:
        """The predicted centroids; none is a defined answer."""
        found = None if self.findings is None else self.findings.landmarks
        return Landmarks.empty() if found is None else found

    @property
    def naming(self) -> NamingRecord | None:
        """The probabilities of the names, where a decoder gave them."""
        return None if self.findings is None else self.findings.naming

    @property
    def notes(self) -> tuple[str, ...]:
        return () if self.findings is None else self.findings.notes


@dataclass(frozen=True)
class ModelRecord:
    """A model that took part: where it lies, the hash of the file, and its card."""

    path: Path
    sha256: str
    card: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, card: Mapping[str, Any]) -> ModelRecord:
        """The record of the model file at ``path``, which is read once for its hash."""
        with Path(path).open("rb") as file:
            return cls(Path(path), hashlib.file_digest(file, "sha256").hexdigest(), card)


@dataclass(frozen=True)
class RunRecord:
    """A whole run.

    settings, command: as the user gave them. figures: plots of the whole run by title.
    summary: identification per region, None without ground truth. segmentation: masks per region, level and scan;
    structures: vertebrae, discs and canal, a row per class; None where no scan has any.
    naming: the names judged; None without ground truth.
    """

    rows: Sequence[ScanRow]
    models: Sequence[ModelRecord] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    command: Sequence[str] = ()
    summary: pd.DataFrame | None = None
    figures: Mapping[str, Path] = field(default_factory=dict)
    segmentation: pd.DataFrame | None = None
    naming: NamingSummary | None = None
    structures: pd.DataFrame | None = None

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time per stage, over all scans."""
        total: dict[str, float] = {}
        for row in self.rows:
            for stage, seconds in (row.findings.seconds if row.findings else {}).items():
                total[stage] = total.get(stage, 0.0) + seconds
        return total
