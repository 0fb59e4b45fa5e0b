"""What a run of measuring leaves for programs to read: results.json (everything) and results.csv (a row per level)."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from utility_functions.files.atomic_write import write_text, written_whole
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings
from utility_functions.records.localisation_scores import ScanScore, Summary
from utility_functions.records.mask_scores import SegmentationScore, SegmentationSummary
from utility_functions.records.mr_structure_scores import StructureScore, StructureSummary
from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.naming_scores import NamingSummary
from utility_functions.reporting.level_rows import CSV_COLUMNS, level_rows
from utility_functions.reporting.versions import versions

# What of a model's card a reader of results needs; of the training only single figures, no curves.
CARD_ESSENTIALS = ("format", "task", "spec", "settings", "created_by", "versions")


@dataclass(frozen=True)
class ScanRow:
    """One scan of a run.

    findings: None for a scan that could not be measured; its maps and candidates are let go, so that many rows fit in
        memory.
    problem: why it could not be measured.
    structures: the scores of vertebrae, discs and canal, where a model of MR told them and there is a truth.
    segmentation: the scores of its masks, where it has masks of whole vertebrae and a truth of such.
    has_image: false for landmarks that were named without one; the grid of the findings tells nothing then.
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
        """How sure the names are, where a decoder gave them."""
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

    settings, command: as the user gave them. summary: None without ground truth.
    segmentation: the scores of masks summed up; None where no scan has any. structures: of vertebrae, discs and canal.
    figures: plots of the whole run by title.
    naming: the names judged; None without ground truth.
    """

    rows: Sequence[ScanRow]
    models: Sequence[ModelRecord] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    command: Sequence[str] = ()
    summary: Summary | None = None
    figures: Mapping[str, Path] = field(default_factory=dict)
    segmentation: SegmentationSummary | None = None
    naming: NamingSummary | None = None
    structures: StructureSummary | None = None

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time per stage, over all scans."""
        total: dict[str, float] = {}
        for row in self.rows:
            for stage, seconds in (row.findings.seconds if row.findings else {}).items():
                total[stage] = total.get(stage, 0.0) + seconds
        return total


def write_results(folder: Path, run: RunRecord) -> None:
    """Write results.json and results.csv into ``folder``, each whole or not at all."""
    text = json.dumps(plain(results(run)), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(Path(folder) / "results.json", text + "\n")
    with (
        written_whole(Path(folder) / "results.csv") as place,
        place.open("w", newline="", encoding="utf-8") as lines,
    ):
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for row in run.rows:
            writer.writerows(level_rows(row.case_id, row.landmarks, row.truth, row.score, row.segmentation, row.naming))


def results(run: RunRecord) -> dict[str, Any]:
    """The run as one tree of plain values, as results.json holds it. Positions are RAS+ mm; undefined is null."""
    return {
        "command": list(run.command),
        "settings": run.settings,
        "versions": versions(),
        "models": [{"path": model.path, "sha256": model.sha256, **_essentials(model.card)} for model in run.models],
        "seconds": run.seconds,
        "summary": None if run.summary is None else asdict(run.summary),
        "segmentation": None if run.segmentation is None else asdict(run.segmentation),
        "structures": None if run.structures is None else asdict(run.structures),
        "naming": None if run.naming is None else asdict(run.naming),
        "scans": [_scan(row) for row in run.rows],
    }


def plain(value: Any) -> Any:
    """``value`` in the terms of JSON: numbers that are not finite become None, paths and unknown things text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _essentials(card: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: card[name] for name in CARD_ESSENTIALS if name in card}
    training = card.get("training")
    if isinstance(training, Mapping):
        single = (bool, int, float, str, type(None))
        kept["training"] = {name: value for name, value in training.items() if isinstance(value, single)}
    return kept


def _scan(row: ScanRow) -> dict[str, Any]:
    known: dict[str, Any] = {"case_id": row.case_id, "problem": row.problem or None, "picture": None}
    if row.picture is not None:
        known["picture"] = row.picture.name
    if row.findings is not None:
        grid = row.findings.grid
        of_image = {"shape": grid.shape, "spacing_mm": grid.spacing_mm, "orientation": grid.axcodes}
        known |= {
            **(of_image if row.has_image else {}),
            "notes": row.notes,
            "quarters": row.findings.quarter_turns,
            "seconds": row.findings.seconds,
            "centroids": _points(row.landmarks, row.findings.filled),
            "naming": _naming(row.findings.naming),
            "completeness": row.findings.completeness,
            "scores": row.findings.scores,
        }
    if row.truth is not None:
        kept = ("level", "x_mm", "y_mm", "z_mm")
        known["true_centroids"] = [{name: point[name] for name in kept} for point in _points(row.truth)]
    if row.score is not None:
        known["identification"] = asdict(row.score) | {
            "levels": [asdict(level) | {"hit_verse_4mm": level.hit_verse_4mm} for level in row.score.levels],
            "false_predictions": row.score.false_predictions,
            "missed": row.score.missed,
            "all_right": row.score.all_right,
            "mean_mm": row.score.mean_mm,
        }
    if row.segmentation is not None:
        known["segmentation"] = asdict(row.segmentation) | {
            "missed": row.segmentation.missed,
            "split": row.segmentation.split,
            "dice": row.segmentation.dice,
        }
    if row.structures is not None:
        known["structures"] = asdict(row.structures)
    return known


def _naming(record: NamingRecord | None) -> dict[str, Any] | None:
    return None if record is None else asdict(record) | {"shifted_by_one": record.shifted_by_one}


def _points(landmarks: Landmarks, filled: Collection[str] = ()) -> list[dict[str, Any]]:
    return [
        {"level": name, "x_mm": x, "y_mm": y, "z_mm": z, "score": score, "filled": name in filled}
        for name, (x, y, z), score in zip(landmarks.names, landmarks.points_mm, landmarks.scores, strict=True)
    ]
