"""results.json (everything) and results.csv (a row per level): the machine-readable results of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from utility_functions.files.atomic_write import write_json, write_text
from utility_functions.reporting.results import RunRecord, ScanRow
from utility_functions.reporting.score_frames import level_frame, structure_frame
from utility_functions.reporting.versions import versions

# What of a model's card a reader of results needs; of the training only single figures, no curves.
CARD_ESSENTIALS = ("format", "task", "spec", "settings", "created_by", "versions")
OF_FINDINGS = ("notes", "quarter_turns", "seconds", "completeness", "scores")
OF_SCORE = ("limit_mm", "missed", "false_predictions", "all_right", "mean_mm")
OF_MASKS = ("dice", "missed", "false", "beyond", "split", "merged")
"""The fields of results.json for a whole scan's score and masks."""


def write_results(folder: Path, run: RunRecord) -> None:
    """Write results.json and results.csv into ``folder``, each whole or not at all."""
    write_json(Path(folder) / "results.json", results(run), indent=2)
    write_csv(Path(folder) / "results.csv", level_frame(run.rows))


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """A frame as CSV at ``path``: four decimals, yes and no as 1 and 0, empty where undefined."""
    flags = frame.select_dtypes("boolean").columns
    rounded = frame.astype(dict.fromkeys(flags, "Int64")).round(4)
    write_text(path, rounded.to_csv(index=False, lineterminator="\n"))


def results(run: RunRecord) -> dict[str, Any]:
    """The run as one tree, as results.json holds it. Positions are RAS+ mm."""
    return {
        "command": run.command,
        "settings": run.settings,
        **made_by(run),
        "summary": run.summary,
        "segmentation": run.segmentation,
        "structures": run.structures,
        "naming": None if run.naming is None else asdict(run.naming),
        "scans": [_scan(row) for row in run.rows],
    }


def made_by(run: RunRecord) -> dict[str, Any]:
    """The versions, models and seconds that a run took."""
    models = [{"path": model.path, "sha256": model.sha256, **_essentials(model.card)} for model in run.models]
    return {"versions": versions(), "models": models, "seconds": run.seconds}


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
    if (findings := row.findings) is not None:
        if row.has_image:
            grid = findings.grid
            known |= {"shape": grid.shape, "spacing_mm": grid.spacing_mm, "orientation": grid.axcodes}
        known |= {
            name: getattr(findings, name) for name in ("notes", "quarter_turns", "seconds", "completeness", "scores")
        }
        naming = findings.naming
        known["naming"] = None if naming is None else asdict(naming) | {"shifted_by_one": naming.shifted_by_one}
    if row.score is not None:
        known["identification"] = {name: getattr(row.score, name) for name in OF_SCORE}
    if row.segmentation is not None:
        known["segmentation"] = {name: getattr(row.segmentation, name) for name in OF_MASKS}
    if row.structures is not None:
        known["structures"] = structure_frame([row]).drop(columns="case_id")
    return known | {"levels": level_frame([row]).drop(columns="case_id")}
