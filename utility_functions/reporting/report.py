"""report.html: a run on one page that opens offline by double click, pictures included."""

from __future__ import annotations

import base64
import json
import os
import shlex
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from utility_functions.files.atomic_write import write_text
from utility_functions.records.localisation_scores import Summary
from utility_functions.records.mask_scores import SegmentationRow, SegmentationScore, SegmentationSummary
from utility_functions.records.mr_structure_scores import StructureSummary
from utility_functions.reporting.level_rows import order
from utility_functions.reporting.mask_tables import (
    MASK_HEADER,
    MASK_SUMMARY_HEADER,
    mask_cells,
    mask_intervals,
    mask_remarks,
    mask_summary_cells,
)
from utility_functions.reporting.naming_tables import alternative_lines, naming_lines, sureness_line
from utility_functions.reporting.page import html_page, html_table, paragraphs
from utility_functions.reporting.results import RunRecord, ScanRow, plain, results
from utility_functions.reporting.structure_tables import (
    STRUCTURE_HEADER,
    STRUCTURE_SUMMARY_HEADER,
    structure_intervals,
    structure_rows,
    structure_summary_cells,
)
from utility_functions.reporting.tables import (
    MISSING,
    SUMMARY_HEADER,
    hits,
    intervals,
    millimetres,
    percent,
    summary_cells,
)

# Beyond this the page would be slow to open, and pictures are linked from where they lie.
EMBEDDED_BYTES = 40_000_000
LEVEL_HEADER = ("level", "centroid (RAS mm)", "score", "true centroid", "distance mm", "VerSe", "4 mm", "original")
OVERVIEW_HEADER = ("scan", "vertebrae", "identified", "mean mm", "seconds", "remarks")


def write_report(folder: Path, run: RunRecord, title: str = "Vertebrae found") -> None:
    """Write report.html into ``folder``. Pictures are embedded up to 40 MB in all, beyond that linked."""
    pictures = [row.picture for row in run.rows if row.picture is not None and row.picture.is_file()]
    pictures += [path for path in run.figures.values() if path.is_file()]
    embed = sum(path.stat().st_size for path in pictures) <= EMBEDDED_BYTES
    body = [f"<h1>{escape(title)}</h1>", _opening(run)]
    if run.summary is not None:
        body += ["<h2>Scores</h2>", _summary(run.summary)]
    if run.naming is not None:
        body += ["<h2>Names</h2>", paragraphs(naming_lines(run.naming))]
    if run.segmentation is not None:
        body += ["<h2>Masks</h2>", _mask_summary(run.segmentation)]
    if run.structures is not None:
        body += ["<h2>Vertebrae, discs and canal</h2>", _structure_summary(run.structures)]
    body += [_picture(path, folder, embed, name) for name, path in run.figures.items()]
    body += ["<h2>Scans</h2>", _overview(run.rows)]
    body += [_scan(place, row, folder, embed) for place, row in enumerate(run.rows)]
    body += [_settings(run)]
    write_text(Path(folder) / "report.html", html_page(title, "\n".join(body)))


def _opening(run: RunRecord) -> str:
    problems = sum(bool(row.problem) for row in run.rows)
    words = f"{len(run.rows) - problems} of {len(run.rows)} scans measured."
    if problems:
        words += f" {problems} could not be; the reasons are below."
    return f'<p>{words}</p>\n<p class="small">For research; not for clinical use.</p>'


def _summary(summary: Summary) -> str:
    table = html_table(SUMMARY_HEADER, [[escape(cell) for cell in summary_cells(row)] for row in summary.regions])
    return (
        f"{table}\n<p>All levels right in {percent(summary.all_right)} of {summary.scans} scans with ground truth.</p>"
        f"{paragraphs(intervals(summary))}"
        '<p class="small">id. VerSe: the true centroid nearest to the prediction is its own and within the limit. '
        "id. 4 mm: the same within 4 mm. "
        "id. original: the prediction nearest to the true centroid bears its name and is within the limit. "
        "recall: true vertebrae with any detection within the limit. precision: predictions that are right.</p>"
    )


def _mask_summary(summary: SegmentationSummary) -> str:
    def table(rows: Iterable[SegmentationRow]) -> str:
        return html_table(MASK_SUMMARY_HEADER, [[escape(cell) for cell in mask_summary_cells(row)] for row in rows])

    parts = [table(summary.regions), paragraphs(mask_intervals(summary.region("All")))]
    for what, rows in (("Per level", summary.levels), ("Per scan", summary.scans)):
        if rows:
            parts.append(f"<details><summary>{what}</summary>{table(rows)}</details>")
    parts.append(
        '<p class="small">found: true vertebrae that a mask lies on, whatever its name. Dice and IoU count missed ones '
        "as 0; distances of surfaces are of those found. Dice by name: label against label. completeness: rightly told "
        "to be wholly in the scan or not. false: masks on no vertebra in the labelled part of the scan. "
        "split: vertebrae that several masks share. merged: masks over several vertebrae.</p>"
    )
    return "\n".join(parts)


def _structure_summary(summary: StructureSummary) -> str:
    table = html_table(
        STRUCTURE_SUMMARY_HEADER, [[escape(cell) for cell in structure_summary_cells(row)] for row in summary.rows]
    )
    return f'<div class="wide">{table}</div>{paragraphs(structure_intervals(summary))}'


def _masks(score: SegmentationScore) -> list[str]:
    parts = [f"<p>{what}: {escape(', '.join(names))}</p>" for what, names in mask_remarks(score)]
    if score.vertebrae:
        parts.append(html_table(MASK_HEADER, [[escape(cell) for cell in mask_cells(each)] for each in score.vertebrae]))
    return parts


def _overview(rows: Sequence[ScanRow]) -> str:
    lines = []
    for place, row in enumerate(rows):
        names = [name or "?" for name in row.landmarks.names]
        identified = "" if row.score is None else _identified(row)
        mean = "" if row.score is None else millimetres(row.score.mean_mm)
        seconds = f"{sum(row.findings.seconds.values()):.1f}" if row.findings else ""
        remarks = "; ".join(filter(None, [row.problem, *row.notes]))
        link = f'<a href="#scan{place}">{escape(row.case_id)}</a>'
        lines.append([link, *map(escape, (", ".join(names) or MISSING, identified, mean, seconds, remarks))])
    return html_table(OVERVIEW_HEADER, lines, kind="overview")


def _scan(place: int, row: ScanRow, folder: Path, embed: bool) -> str:
    parts = [f'<h2 id="scan{place}">{escape(row.case_id)}</h2>']
    if row.problem:
        parts.append(f'<p class="problem">{escape(row.problem)}</p>')
    parts += [f'<p class="note">{escape(note)}</p>' for note in row.notes]
    if row.findings is not None and row.findings.naming is not None and len(row.landmarks):
        record = row.findings.naming
        parts.append(f'<p class="small">{escape("; ".join([sureness_line(record), *alternative_lines(record)]))}</p>')
    if row.picture is not None:
        parts.append(_picture(row.picture, folder, embed, f"Sagittal and coronal view of {row.case_id}"))
    if row.score is not None and row.score.levels:
        parts.append(
            f"<p>Identified {escape(_identified(row))}, mean distance {millimetres(row.score.mean_mm)} mm.</p>"
        )
        for what, names in (("Missed", row.score.missed), ("Not in the truth", row.score.false_predictions)):
            if names:
                parts.append(f"<p>{what}: {escape(', '.join(names))}</p>")
    lines = list(_levels(row))
    if lines:
        parts.append(html_table(LEVEL_HEADER, lines))
    if row.segmentation is not None:
        parts += _masks(row.segmentation)
    if row.structures is not None:
        cells = [[escape(cell) for cell in line] for line in structure_rows(row.structures)]
        parts.append(html_table(STRUCTURE_HEADER, cells))
    return "\n".join(parts)


def _identified(row: ScanRow) -> str:
    levels = row.score.levels if row.score else ()
    verse, close, original = hits(levels)
    return f"{verse} of {len(levels)} (VerSe), {close} (4 mm), {original} (original)" if levels else "no true vertebra"


def _levels(row: ScanRow) -> Iterable[list[str]]:
    true = {} if row.truth is None else {name: point for name, point in row.truth if name}
    scored = {level.name: level for level in row.score.levels} if row.score else {}
    predicted = zip(row.landmarks.names, row.landmarks.points_mm, row.landmarks.scores, strict=True)
    filled = row.findings.filled if row.findings else ()
    found = [
        (name, _position(point), "filled in" if name in filled else f"{score:.2f}") for name, point, score in predicted
    ]
    found += [(name, MISSING, "") for name in true if name not in row.landmarks]
    for name, position, score in sorted(found, key=lambda line: order(line[0])):
        level = scored.get(name)
        distance = MISSING if level is None or level.distance_mm is None else f"{level.distance_mm:.2f}"
        rules = () if level is None else (level.hit_verse, level.hit_verse_4mm, level.hit_original)
        true_position = _position(true[name]) if name in true else MISSING
        marks = map(_hit, rules) if rules else [""] * 3
        yield [escape(name or "unnamed"), position, score, true_position, distance, *marks]


def _hit(hit: bool) -> str:
    return "hit" if hit else '<span class="miss">miss</span>'


def _position(point_mm: Iterable[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in point_mm)


def _picture(path: Path, folder: Path, embed: bool, words: str) -> str:
    if not path.is_file():
        return f'<p class="note">The picture {escape(path.name)} is not there.</p>'
    if embed:
        source = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    else:
        source = quote(Path(os.path.relpath(path, folder)).as_posix())
    return f'<p><img loading="lazy" src="{source}" alt="{escape(words)}"></p>'


def _settings(run: RunRecord) -> str:
    known = plain(results(run))
    shown: list[tuple[str, Any]] = [(name, known[name]) for name in ("settings", "models", "versions", "seconds")]
    parts = ["<h2>How it was made</h2>"]
    if run.command:
        parts.append(f"<pre>{escape(shlex.join(run.command))}</pre>")
    for name, value in shown:
        words = escape(json.dumps(value, indent=2, ensure_ascii=False))
        parts.append(f"<details><summary>{name}</summary><pre>{words}</pre></details>")
    return "\n".join(parts)
