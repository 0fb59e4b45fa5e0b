"""The summary of a cross-validation: a row per fold, mean and standard deviation, as a table, CSV and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from utility_functions.files.atomic_write import write_json, write_text
from utility_functions.files.data_split import Fold
from utility_functions.json_records import parsed_json, to_json
from utility_functions.reporting.plots import VALIDATION
from utility_functions.reporting.tables import NOT_DEFINED, text_table

SIGNATURE = "spine_folds"
FIRST = ("fold", "patients", "scans", "samples", "best_epoch")
"""The first columns of the CSV; the validation figures of the best epoch follow, under their names in the log."""
OVER_ALL = ("mean", "SD")
LOSS = f"{VALIDATION}loss"

Row = dict[str, float | None]
"""One fold by column."""


def summary_paths(model: Path) -> tuple[Path, Path]:
    """The paths of the summary of all folds of a model: CSV and JSON."""
    return model.with_name(f"{model.stem}_folds.csv"), model.with_name(f"{model.stem}_folds.json")


def require_place(model: Path) -> None:
    """Raise a ValueError where a summary would replace a file that is no summary."""
    table, everything = summary_paths(model)
    try:
        ours = not everything.exists() or SIGNATURE in parsed_json(everything.read_text(encoding="utf-8"))
        ours = ours and (not table.exists() or table.read_text(encoding="utf-8").startswith(",".join(FIRST)))
    except (OSError, ValueError, TypeError):
        ours = False
    if not ours:
        raise ValueError(
            f"One of these files is no summary of folds and is not written over. Received: {table}, {everything}."
        )


def fold_row(fold: Fold, counts: Mapping[str, int], best_epoch: int, log: Mapping[str, float]) -> Row:
    """The row of one fold. counts: as in PlannedRun. log: of the best epoch. NaN and infinity become None."""
    figures = sorted((name for name in log if name.startswith(VALIDATION)), key=lambda name: (name != LOSS, name))
    finite = {name: log[name] if math.isfinite(log[name]) else None for name in figures}
    return {"fold": fold.number, **counts, "best_epoch": best_epoch, **finite}


def over_folds(rows: Sequence[Row]) -> dict[str, Row]:
    """Mean and sample standard deviation of each figure; None where a fold lacks it."""
    figures = pd.DataFrame(rows).filter(regex=f"^{VALIDATION}").astype(float)
    found = (figures.mean(skipna=False), figures.std(skipna=False))
    return {name: to_json(values.to_dict()) for name, values in zip(OVER_ALL, found, strict=True)}


def write_summary(model: Path, rows: Sequence[Row], entries: Mapping[str, Any]) -> str:
    """Write CSV and JSON of all folds beside ``model``, and return the table to print.

    entries: further entries of the JSON.
    """
    over = over_folds(rows)
    whole = pd.DataFrame([*rows, *({"fold": name, **over[name]} for name in OVER_ALL)], dtype=object)
    table, everything = summary_paths(model)
    write_text(table, whole.to_csv(index=False, lineterminator="\n"))
    write_json(everything, {SIGNATURE: 1, **entries, "rows": rows, **over}, indent=1)
    cells = whole.map(_cell)
    cells.loc[cells["fold"].isin(OVER_ALL), list(FIRST[1:])] = ""
    cells.columns = [name.removeprefix(VALIDATION).replace("_", " ") for name in whole]
    return text_table(cells)


def _cell(value: Any) -> str:
    if pd.isna(value):
        return NOT_DEFINED
    return f"{value:.4f}" if isinstance(value, float) else str(value)
