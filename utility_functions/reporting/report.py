"""report.html: a run on one page that opens offline by double click, beside its pictures."""

from __future__ import annotations

import os
import shlex
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from utility_functions.files.provenance import VIEW_ENDING
from utility_functions.json_records import json_text
from utility_functions.reporting.naming_tables import alternative_lines, certainty_line, naming_lines
from utility_functions.reporting.niivue_script import HOW_TO_GET_IT, has_niivue
from utility_functions.reporting.page import write_page
from utility_functions.reporting.results import RunRecord, ScanRow
from utility_functions.reporting.results_files import made_by
from utility_functions.reporting.score_frames import level_frame, scan_frame, structure_frame
from utility_functions.reporting.score_text import (
    identification_lines,
    mask_lines,
    structure_cells,
    structure_lines,
)
from utility_functions.reporting.tables import (
    IDENTIFICATION,
    MASK_INTERVALS,
    MASK_SUMMARY,
    MASKS,
    STRUCTURE_SUMMARY,
    SUMMARY,
    SUMMARY_INTERVALS,
    interval_lines,
    shown,
    with_centroids,
)

SUMMARY_LEGEND = (
    "id. VerSe: the true centroid nearest to the prediction is its own and within the limit. id. 4 mm: the same within "
    "4 mm. id. original: the prediction nearest to the true centroid bears its name and is within the limit. "
    "recall: true vertebrae with any detection within the limit. precision: predictions that are right. "
    "all right: scans in which all true vertebrae of the region are identified (VerSe)."
)
MASK_LEGEND = (
    "found: true vertebrae that a mask lies on, whatever its name. Dice and IoU count missed ones as 0; distances of "
    "surfaces are of those found. Dice by name: label against label. completeness: rightly predicted to be wholly in "
    "the scan or not. false: masks on no vertebra in the labelled part of the scan. split: vertebrae that several "
    "masks share. merged: masks over several vertebrae."
)


def write_report(folder: Path, run: RunRecord, title: str = "Vertebrae found") -> None:
    """Write report.html into ``folder``; pictures and views are linked from where they lie.

    Of each scan it shows the picture first, then what was found with its doubts, then scores.
    """
    made = {"settings": run.settings, **made_by(run)}
    write_page(
        Path(folder) / "report.html",
        title=title,
        measured=sum(not row.problem for row in run.rows),
        advice="" if has_niivue() else HOW_TO_GET_IT,
        overview=_overview(run.rows) if len(run.rows) > 1 else None,
        links=[f"#scan{place}" for place in range(len(run.rows))],
        scans=[_scan(row, folder) for row in run.rows],
        totals=_totals(run, folder),
        command=shlex.join(run.command),
        made={name: json_text(value, indent=2) for name, value in made.items()},
    )


def _overview(rows: Sequence[ScanRow]) -> pd.DataFrame:
    scans = scan_frame(rows)
    identified = [
        None if pd.isna(count) else f"{right} of {count}"
        for right, count in scans[["identified", "levels"]].itertuples(index=False)
    ]
    scans = scans.assign(identified_of=identified).dropna(axis="columns", how="all")
    columns = ("case_id", "predicted_levels", "remarks", "identified_of", "mean_mm", "dice", "seconds")
    return shown(scans, [column for column in columns if column in scans])


def _scan(row: ScanRow, folder: Path) -> dict[str, Any]:
    """The section of one scan: its picture and view, findings and their probabilities, then its scores."""
    levels = with_centroids(level_frame([row]))
    found = levels[levels["x_ras_mm"].notna()]
    found = found.assign(level=found["level"].fillna("unnamed"))
    sure = row.naming is not None and len(found) > 0
    scores = []
    if row.score is not None:
        scores.append(_part("Identification", identification_lines(row.score), levels, "hit_verse", IDENTIFICATION))
    if row.segmentation is not None:
        scores.append(_part("Masks", mask_lines(row.segmentation), levels, "complete", MASKS))
    if row.structures is not None:
        structures = structure_frame([row])
        cells = structure_cells(structures)
        scores.append({"heading": "Structures", "lines": structure_lines(structures), "table": cells})
    return {
        "case_id": row.case_id,
        "problem": row.problem,
        "picture": row.picture and _picture(row.picture, folder, f"Sagittal and coronal view of {row.case_id}"),
        "view": row.picture and _link(row.picture.with_name(f"{row.case_id}{VIEW_ENDING}"), folder),
        "found": "" if row.problem else f"Found: {', '.join(found['level']) or 'no vertebra'}",
        "notes": row.notes,
        "confidence": [certainty_line(row.naming), *alternative_lines(row.naming)] if row.naming and sure else [],
        "centroids": shown(found, ("level", "centroid", "score", "interpolated")) if len(found) else None,
        "scores": scores,
    }


def _part(heading: str, lines: list[str], levels: pd.DataFrame, known: str, columns: Sequence[str]) -> dict[str, Any]:
    true = levels[levels[known].notna()]
    return {"heading": heading, "lines": lines, "table": shown(true, columns) if len(true) else None}


def _totals(run: RunRecord, folder: Path) -> list[dict[str, Any]]:
    """The scores of all scans together, each with its table, lines, legend, further tables and pictures."""
    totals: list[dict[str, Any]] = []

    def add(heading: str, table: pd.DataFrame | None = None, **rest: Any) -> None:
        usual: Mapping[str, Any] = {"lines": [], "legend": "", "more": {}, "pictures": []}
        totals.append({"id": f"total{len(totals)}", "heading": heading, "table": table, **usual, **rest})

    if run.summary is not None:
        lines = interval_lines(run.summary[:1], SUMMARY_INTERVALS)
        add("Scores of all scans", shown(run.summary, SUMMARY), lines=lines, legend=SUMMARY_LEGEND)
    if run.naming is not None:
        add("Names in all scans", lines=naming_lines(run.naming))
    if run.segmentation is not None:
        by = {name: rows.drop(columns="by") for name, rows in run.segmentation.groupby("by")}
        more = {f"Per {name}": shown(by[name], MASK_SUMMARY) for name in ("level", "scan") if name in by}
        lines = interval_lines(by["region"][:1], MASK_INTERVALS)
        add("Masks in all scans", shown(by["region"], MASK_SUMMARY), lines=lines, legend=MASK_LEGEND, more=more)
    if run.structures is not None:
        lines = interval_lines(run.structures, ("dice",))
        add("Vertebrae, discs and canal in all scans", shown(run.structures, STRUCTURE_SUMMARY), lines=lines)
    if run.figures:
        add("Plots", pictures=[_picture(path, folder, heading) for heading, path in run.figures.items()])
    return totals


def _picture(path: Path, folder: Path, words: str) -> dict[str, Any]:
    link = _link(path, folder)
    return {"name": path.name, "there": link is not None, "link": link, "words": words, "size": png_size(path)}


def _link(path: Path, folder: Path) -> str | None:
    """The address of a file as seen from the report; None where it is not there."""
    return quote(Path(os.path.relpath(path, folder)).as_posix()) if path.is_file() else None


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels, from the header; a page that knows them keeps the room. None for no PNG."""
    start = b""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(24)
    whole = start.startswith(b"\x89PNG\r\n\x1a\n") and len(start) == 24
    return struct.unpack(">II", start[16:24]) if whole else None
