"""What a run of measuring leaves for programs to read: results.json (everything) and results.csv (a row per level)."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from utility_functions.anatomy.findings import Findings
from utility_functions.anatomy.labels import LEVELS, anatomical_order
from utility_functions.anatomy.mask_scores import SegmentationScore, SegmentationSummary, VertebraScore, told
from utility_functions.anatomy.scores import ScanScore, Summary
from utility_functions.anatomy.structure_scores import StructureScore, StructureSummary
from utility_functions.files.writing import write_text, written_whole
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.reporting.versions import versions

CSV_COLUMNS = (
    *("case_id", "level", "x_mm", "y_mm", "z_mm", "score"),
    *("true_x_mm", "true_y_mm", "true_z_mm", "distance_mm", "hit_verse", "hit_original"),
    *("mask_of", "dice", "iou", "hd_mm", "hd95_mm", "assd_mm", "complete"),
)
MASK_COLUMNS = 7
# What of a model's card a reader of results needs; of the training only single figures, no curves.
CARD_ESSENTIALS = ("format", "task", "spec", "settings", "created_by", "versions")


@dataclass(frozen=True)
class ScanRow:
    """One scan of a run.

    findings: None for a scan that could not be measured; its maps are let go, so that many rows fit in memory.
    problem: why it could not be measured.
    structures: the scores of vertebrae, discs and canal, where a model of MR told them and there is a truth.
    segmentation: the scores of its masks, where it has masks of whole vertebrae and a truth of such.
    """

    case_id: str
    findings: Findings | None = None
    truth: Landmarks | None = None
    score: ScanScore | None = None
    picture: Path | None = None
    problem: str = ""
    segmentation: SegmentationScore | None = None
    structures: StructureScore | None = None

    def __post_init__(self) -> None:
        if self.findings is not None:
            object.__setattr__(self, "findings", self.findings.having(**dict.fromkeys(self.findings.maps)))

    @property
    def landmarks(self) -> Landmarks:
        """The predicted centroids; none is a defined answer."""
        found = None if self.findings is None else self.findings.landmarks
        return Landmarks.empty() if found is None else found

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
    """

    rows: Sequence[ScanRow]
    models: Sequence[ModelRecord] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    command: Sequence[str] = ()
    summary: Summary | None = None
    figures: Mapping[str, Path] = field(default_factory=dict)
    segmentation: SegmentationSummary | None = None
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
            writer.writerows(_level_rows(row))


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


def order(name: str) -> tuple[int, str]:
    """Sorts levels from the top down, then what is no level, by name."""
    return (anatomical_order(name) if name in LEVELS else len(LEVELS)), name


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
        known |= {
            "shape": grid.shape,
            "spacing_mm": grid.spacing_mm,
            "orientation": grid.axcodes,
            "notes": row.notes,
            "seconds": row.findings.seconds,
            "centroids": _points(row.landmarks),
            "completeness": row.findings.completeness,
            "scores": row.findings.scores,
        }
    if row.truth is not None:
        known["true_centroids"] = [
            {name: value for name, value in point.items() if name != "score"} for point in _points(row.truth)
        ]
    if row.score is not None:
        known["identification"] = asdict(row.score) | {
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


def _points(landmarks: Landmarks) -> list[dict[str, Any]]:
    return [
        {"level": name, "x_mm": x, "y_mm": y, "z_mm": z, "score": score}
        for name, (x, y, z), score in zip(landmarks.names, landmarks.points_mm, landmarks.scores, strict=True)
    ]


def _level_rows(row: ScanRow) -> list[list[Any]]:
    """A line per level that is predicted or true, from the top down, what bears no name last.

    mask_of and what follows tell of the mask that lies on a true vertebra, whatever its name.
    """
    truth = row.truth or Landmarks.empty()
    masks = {told(vertebra): vertebra for vertebra in row.segmentation.vertebrae} if row.segmentation else {}
    predicted = {name: place for place, name in enumerate(row.landmarks.names) if name}
    scored = {level.name: level for level in row.score.levels} if row.score else {}
    levels = sorted({*predicted, *filter(None, truth.names), *masks}, key=order)
    lines: list[list[Any]] = []
    for name in levels:
        line = [row.case_id, name, *_position(row.landmarks, predicted.get(name))]
        line += _rounded(truth.point(name)) if name in truth else [""] * 3
        level = scored.get(name)
        if level is None:
            line += [""] * 3
        else:
            line += [_or_empty(level.distance_mm, 3), int(level.hit_verse), int(level.hit_original)]
        lines.append(line + _mask_cells(masks.get(name)))
    unnamed = [place for place, name in enumerate(row.landmarks.names) if not name]
    rest = [""] * (6 + MASK_COLUMNS)
    return lines + [[row.case_id, "", *_position(row.landmarks, place), *rest] for place in unnamed]


def _mask_cells(vertebra: VertebraScore | None) -> list[Any]:
    if vertebra is None:
        return [""] * MASK_COLUMNS
    mask = vertebra.mask
    figures = [_or_empty(figure) for figure in (mask.dice, mask.iou, mask.hd_mm, mask.hd95_mm, mask.assd_mm)]
    return [vertebra.match or "", *figures, int(vertebra.complete)]


def _or_empty(figure: float | None, digits: int = 4) -> float | str:
    return "" if figure is None else round(figure, digits)


def _position(landmarks: Landmarks, place: int | None) -> list[Any]:
    if place is None:
        return [""] * 4
    return [*_rounded(landmarks.points_mm[place]), round(float(landmarks.scores[place]), 4)]


def _rounded(point_mm: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in point_mm]
