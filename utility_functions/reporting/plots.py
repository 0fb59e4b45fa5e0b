"""Plots as PNG: curves of a training, localisation errors and Dice per level."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from utility_functions.anatomy.labels import LEVELS, anatomical_order
from utility_functions.records.naming_scores import Bin
from utility_functions.reporting.level_colours import level_colour
from utility_functions.reporting.pictures import write_figure

VALIDATION = "val_"
# Columns of a training log that number its rows or set its pace, and so are no curve of their own.
NO_CURVE = ("epoch", "seconds", "time")
COLUMNS = 3
COLOURS = {"training": "tab:blue", "validation": "tab:orange"}


def curves(history: Mapping[str, Sequence[float]] | Path | str, path: Path) -> None:
    """Draw each loss and metric over the epochs, training beside validation ("loss" with "val_loss").

    history: values per epoch by name, as keras.callbacks.History.history, or the path of a CSV log with such columns.
    Values that are missing or not finite leave a gap. Raises: ValueError when there is nothing to draw.
    """
    columns = read_log(Path(history)) if isinstance(history, Path | str) else dict(history)
    numbers = columns.get("epoch")
    names = [name for name in columns if name not in NO_CURVE]
    titles = list(dict.fromkeys(name.removeprefix(VALIDATION) for name in names))
    if not any(len(columns[name]) for name in names):
        raise ValueError(f"Curves need at least one epoch of one loss or metric. Received: columns {list(columns)}.")
    rows = math.ceil(len(titles) / COLUMNS)
    figure = Figure(figsize=(4.4 * min(len(titles), COLUMNS), 3.2 * rows), layout="constrained", facecolor="white")
    for place, title in enumerate(titles):
        axes = figure.add_subplot(rows, min(len(titles), COLUMNS), place + 1)
        for name, kind in ((title, "training"), (VALIDATION + title, "validation")):
            if name in columns:
                values = [_finite(value) for value in columns[name]]
                epochs = _from_one(numbers) if numbers and len(numbers) == len(values) else range(1, len(values) + 1)
                marker = "o" if len(values) < 30 else ""
                axes.plot(epochs, values, label=kind, color=COLOURS[kind], marker=marker, markersize=3)
        axes.set_title(title, parse_math=False)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    write_figure(figure, path)


def read_log(path: Path) -> dict[str, list[float]]:
    """The columns of a CSV log with a header line: NaN where a cell is no number; columns without any are dropped."""
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    names = [name for name in (rows[0] if rows else {}) if name]
    columns = {name: [_number(row.get(name)) for row in rows] for name in names}
    return {name: values for name, values in columns.items() if not all(math.isnan(value) for value in values)}


def error_box_plot(distances_by_level: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draw the localisation errors (mm) of each level as a box over its points, levels in anatomical order."""
    _box_plot(
        distances_by_level, path, "distance of predicted to true centroid in mm", "pairs", "no pairs of centroids"
    )


def dice_box_plot(dice_by_level: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draw the Dice of each level's true vertebrae as a box over its points, 0 for missed ones, as above."""
    _box_plot(
        dice_by_level,
        path,
        "Dice, 0 for missed vertebrae",
        "vertebrae",
        "no masks of known levels",
        limits=(-0.02, 1.02),
    )


def reliability_plot(bins: Sequence[Bin], path: Path) -> None:
    """Draw the fraction of right names over their posterior; the area of a dot is their number."""
    figure = Figure(figsize=(4.4, 4.4), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.plot((0, 1), (0, 1), color="grey", linewidth=0.8, linestyle="--")
    most = max((each.count for each in bins), default=1)
    posterior, right = [each.posterior for each in bins], [each.right for each in bins]
    axes.plot(posterior, right, color="tab:blue", linewidth=1)
    axes.scatter(posterior, right, s=[20 + 180 * each.count / most for each in bins], color="tab:blue", alpha=0.6)
    for each in bins:
        axes.annotate(str(each.count), (each.posterior, each.right), xytext=(0, -14), textcoords="offset points")
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="posterior of the name", ylabel="fraction that is right")
    axes.grid(alpha=0.3)
    write_figure(figure, path)


def _box_plot(
    by_level: Mapping[str, Sequence[float]],
    path: Path,
    what: str,
    of: str,
    nothing: str,
    limits: tuple[float, float | None] = (0, None),
) -> None:
    levels = sorted((name for name in by_level if name in LEVELS), key=anatomical_order)
    levels = [name for name in levels if len(by_level[name])]
    figure = Figure(figsize=(max(4.0, 1.5 + 0.42 * len(levels)), 4.2), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    if levels:
        _draw_boxes(axes, levels, [list(by_level[name]) for name in levels])
        axes.set_ylabel(what)
        axes.set_ylim(*limits)
        axes.set_xlabel(f"level, number of {of}")
    else:
        axes.text(0.5, 0.5, nothing, ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
    write_figure(figure, path)


def _draw_boxes(axes: Axes, levels: Sequence[str], values_by_level: Sequence[Sequence[float]]) -> None:
    boxes = axes.boxplot(values_by_level, tick_labels=list(levels), patch_artist=True, showfliers=False, widths=0.6)
    for name, box in zip(levels, boxes["boxes"], strict=True):
        box.set(facecolor=level_colour(name), alpha=0.45)
    for line in boxes["medians"]:
        line.set(color="black")
    for place, values in enumerate(values_by_level, start=1):
        axes.plot([place] * len(values), values, "o", color="black", alpha=0.35, markersize=2.5, linestyle="none")
    axes.grid(axis="y", alpha=0.3)
    counts = [f"{name}\n{len(values)}" for name, values in zip(levels, values_by_level, strict=True)]
    axes.set_xticklabels(counts, fontsize=8)


def _from_one(epochs: Sequence[float]) -> list[float]:
    """Epoch numbers counted from 1; Keras's own log counts from 0."""
    return [number + 1 for number in epochs] if min(epochs) == 0 else list(epochs)


def _number(cell: str | None) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else math.nan
