"""What a cross-validation comes to: a row per fold, mean and standard deviation; as a table, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utility_functions.files.atomic_write import write_text
from utility_functions.files.data_split import Fold
from utility_functions.reporting.plots import VALIDATION
from utility_functions.reporting.tables import NOT_DEFINED, aligned

MARK = "spine_folds"
FIRST = ("fold", "patients", "scans", "samples", "best_epoch")
"""Columns of the CSV; behind them stand the figures of validation in the best epoch, as the log names them."""
OVER_ALL = ("mean", "SD")
LOSS = f"{VALIDATION}loss"

Row = dict[str, float | None]
"""One fold by column."""


def summary_paths(model: Path) -> tuple[Path, Path]:
    """Where the summary of all folds of a model lies: as CSV and as JSON."""
    return model.with_name(f"{model.stem}_folds.csv"), model.with_name(f"{model.stem}_folds.json")


def require_place(model: Path) -> None:
    """Raise a ValueError where a summary would be written over a file that is none."""
    table, told = summary_paths(model)
    try:
        ours = not told.exists() or MARK in json.loads(told.read_text(encoding="utf-8"))
        ours = ours and (not table.exists() or table.read_text(encoding="utf-8").startswith(",".join(FIRST)))
    except (OSError, ValueError, TypeError):
        ours = False
    if not ours:
        raise ValueError(f"What is there is no summary of folds and is not written over. Received: {table}, {told}.")


def fold_row(fold: Fold, counts: Mapping[str, int], best_epoch: int, log: Mapping[str, float]) -> Row:
    """The row of one fold; counts: as Run tells them; log: that of the best epoch. What is no number is None."""
    figures = sorted((name for name in log if name.startswith(VALIDATION)), key=lambda name: (name != LOSS, name))
    told = {name: log[name] if math.isfinite(log[name]) else None for name in figures}
    return {"fold": fold.number, **counts, "best_epoch": best_epoch, **told}


def over_folds(rows: Sequence[Row]) -> dict[str, Row]:
    """Mean and standard deviation (of a sample) of each figure; None where one of the folds has none."""
    found: dict[str, Row] = {name: {} for name in OVER_ALL}
    for name in (name for name in rows[0] if name.startswith(VALIDATION)):
        values = [value for row in rows if (value := row.get(name)) is not None]
        whole = len(values) == len(rows)
        found["mean"][name] = statistics.fmean(values) if whole else None
        found["SD"][name] = statistics.stdev(values) if whole and len(values) > 1 else None
    return found


def write_summary(model: Path, rows: Sequence[Row], told: Mapping[str, Any]) -> str:
    """Writes CSV and JSON of all folds beside where ``model`` would lie, and returns the table to be printed.

    told: what else the JSON tells of the cross-validation.
    """
    over, names = over_folds(rows), list(rows[0])
    table, everything = summary_paths(model)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    writer.writerows({"fold": which, **over[which]} for which in OVER_ALL)
    write_text(table, text.getvalue())
    whole = {MARK: 1, **told, "rows": list(rows), **over}
    write_text(everything, json.dumps(whole, indent=1, allow_nan=False) + "\n")
    header = [name.removeprefix(VALIDATION).replace("_", " ") for name in names]
    shown = [[_cell(row[name]) for name in names] for row in rows]
    shown += [
        [which, *("" for _ in FIRST[1:]), *(_cell(value) for value in over[which].values())] for which in OVER_ALL
    ]
    return "\n".join(aligned([header, *shown], left=(0,)))


def _cell(value: float | None) -> str:
    if value is None:
        return NOT_DEFINED
    return str(value) if isinstance(value, int) else f"{value:.4f}"
