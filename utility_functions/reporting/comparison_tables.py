"""Several pipelines beside each other: as text, CSV, JSON and a page."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from utility_functions.files.atomic_write import write_text, written_whole
from utility_functions.records.comparison import Comparison, PipelineRow, ScanFigures
from utility_functions.records.mask_scores import Figure
from utility_functions.reporting.mask_tables import share
from utility_functions.reporting.page import html_page, html_table, paragraphs
from utility_functions.reporting.results import plain
from utility_functions.reporting.tables import MISSING, NOT_DEFINED, aligned, between, millimetres, percent
from utility_functions.reporting.versions import versions

Words = Callable[[float | None], str]

FIGURES: tuple[tuple[str, str, Words], ...] = (
    ("rate_verse", "id. VerSe", percent),
    ("rate_verse_4mm", "id. 4 mm", percent),
    ("rate_original", "id. original", percent),
    ("mean_mm", "mean mm", millimetres),
    ("all_right", "all right", percent),
    ("dice", "Dice", share),
    ("hd95_mm", "HD95 mm", millimetres),
    ("assd_mm", "ASSD mm", millimetres),
)
"""Fields of a row that have an interval, what their columns are called, and how they are told."""
HEADER = (
    *("pipeline", "scans", "scored", "levels"),
    *(column for _, column, _ in FIGURES),
    *("false names", "false masks", "s per scan"),
)
TITLE = "Pipelines compared"
LEGEND = (
    "Over the scans that every pipeline could measure; scored: those with a true vertebra. id. VerSe: identified by "
    "VerSe's rule within 20 mm, id. 4 mm: within 4 mm, id. original: by the rule of the dense-annotation paper. all "
    "right: scans with all levels identified. Dice, HD95, ASSD: masks of whole vertebrae by overlap, missed ones being "
    "Dice 0. false names: vertebrae told that the truth does not name. false masks: masks on no labelled vertebra. "
    "s per scan: spent by the models. In brackets 95 % intervals over scans."
)


def comparison_table(comparison: Comparison) -> str:
    """The rows as text, then each one's intervals in a line, and the scans that were left out."""
    lines = aligned([HEADER, *(cells(row) for row in comparison.rows)], left=(0,))
    for row in comparison.rows:
        known = [
            f"{column} {between(figure.interval, words)}"
            for field, column, words in FIGURES
            if (figure := _of(row, field)).interval is not None
        ]
        if known:
            lines.append(f"95 % intervals over scans, {row.name}: {', '.join(known)}")
    return "\n".join([*lines, *_left_out(comparison)])


def cells(row: PipelineRow) -> tuple[str, ...]:
    """The cells of a pipeline under HEADER."""
    figures = (words(_of(row, field).mean) for field, _, words in FIGURES)
    return (row.name, str(row.scans), str(row.scored), str(row.levels), *figures, *_last(row))


def write_comparison(
    folder: Path,
    comparison: Comparison,
    asked: Mapping[str, Mapping[str, Any]],
    command: Sequence[str] = (),
) -> None:
    """comparison.csv, comparison.json and comparison.html in ``folder``; asked: how each pipeline was, by its name."""
    _write_csv(folder / "comparison.csv", comparison)
    told = {
        "command": list(command),
        "versions": versions(),
        "left_out": comparison.left_out,
        "pipelines": [asdict(row) | {"asked": asked.get(row.name, {})} for row in comparison.rows],
    }
    text = json.dumps(plain(told), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(folder / "comparison.json", text + "\n")
    write_text(folder / "comparison.html", _page(comparison, asked, command))


def _write_csv(path: Path, comparison: Comparison) -> None:
    """A line per pipeline; of figures also both ends of the interval. Shares of 1; empty where undefined."""
    names = [each.name for each in fields(PipelineRow) if each.name != "by_scan"]
    figures = {field for field, _, _ in FIGURES}
    header = [part for name in names for part in (_ends(name) if name in figures else [name])]
    with written_whole(path) as place, place.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(header)
        for row in comparison.rows:
            line: list[Any] = []
            for name in names:
                value = getattr(row, name)
                if name in figures:
                    line += [_number(value.mean), *(_number(end) for end in value.interval or (None, None))]
                else:
                    line.append(" ".join(value) if name == "tasks" else _number(value))
            writer.writerow(line)


def _ends(name: str) -> list[str]:
    return [name, f"{name}_low", f"{name}_high"]


def _number(value: Any) -> Any:
    return "" if value is None else round(value, 4) if isinstance(value, float) else value


def _page(comparison: Comparison, asked: Mapping[str, Mapping[str, Any]], command: Sequence[str]) -> str:
    rows = []
    for row in comparison.rows:
        link = f'<a href="{quote(row.name)}/report.html">{escape(row.title)}</a>'
        figures = (_with_interval(_of(row, field), words) for field, _, words in FIGURES)
        rows.append([link, *map(str, (row.scans, row.scored, row.levels)), *figures, *map(escape, _last(row))])
    parts = [f"<h1>{TITLE}</h1>", html_table(HEADER, rows), f'<p class="small">{LEGEND}</p>']
    parts.append(paragraphs(_left_out(comparison)))
    parts += ["<h2>Pipelines</h2>", *(_pipeline(row, asked.get(row.name, {})) for row in comparison.rows)]
    parts += ["<h2>Scan by scan</h2>", _scans(comparison)]
    if command:
        parts += ["<h2>How it was made</h2>", f"<pre>{escape(shlex.join(command))}</pre>"]
    return html_page(TITLE, "\n".join(parts))


def _pipeline(row: PipelineRow, asked: Mapping[str, Any]) -> str:
    words = escape(json.dumps(plain(asked), indent=2, ensure_ascii=False))
    told = f"{row.title}: {', '.join(row.tasks)}" if row.tasks else row.title
    return f"<p>{escape(told)}</p><details><summary>settings</summary><pre>{words}</pre></details>"


def _scans(comparison: Comparison) -> str:
    """Of each scan, under each pipeline, how many levels are identified, the mean distance and the Dice."""
    names = list(dict.fromkeys(name for row in comparison.rows for name in row.by_scan))
    rows = [[escape(name), *(_scan_cell(row.by_scan.get(name)) for row in comparison.rows)] for name in names]
    return html_table(("scan", *(row.name for row in comparison.rows)), rows)


def _scan_cell(figures: ScanFigures | None) -> str:
    if figures is None:
        return MISSING
    parts = []
    if figures.levels is not None:
        right = f"{figures.identified} of {figures.levels}"
        parts.append(right if figures.identified == figures.levels else f'<span class="miss">{right}</span>')
        parts.append(f"{millimetres(figures.mean_mm)} mm")
    if figures.dice is not None:
        parts.append(f"Dice {share(figures.dice)}")
    return ", ".join(parts) or NOT_DEFINED


def _with_interval(figure: Figure, words: Words) -> str:
    told = escape(words(figure.mean))
    return told if figure.interval is None else f'{told} <span class="small">({between(figure.interval, words)})</span>'


def _last(row: PipelineRow) -> tuple[str, ...]:
    counts = (MISSING if count is None else str(count) for count in (row.false_names, row.false_masks))
    return (*counts, NOT_DEFINED if row.seconds is None else f"{row.seconds:.1f}")


def _of(row: PipelineRow, field: str) -> Figure:
    figure: Figure = getattr(row, field)
    return figure


def _left_out(comparison: Comparison) -> list[str]:
    if not comparison.left_out:
        return []
    return [f"left out, since not every pipeline could measure them: {', '.join(comparison.left_out)}"]
