"""The reports of a run, for each scan and for all: text for the terminal, tables, plots and the report.

Nothing here needs Keras, so that landmark files can be named without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from losses_and_metrics.instance_summary import summarise_masks
from losses_and_metrics.naming_summary import summarise_names
from losses_and_metrics.scan_scores import summarise
from losses_and_metrics.structure_scores import summarise_structures
from utility_functions.files.provenance import PLOTS
from utility_functions.reporting.naming_tables import certainty_line, naming_lines
from utility_functions.reporting.plots import dice_box_plot, error_box_plot, reliability_plot
from utility_functions.reporting.report import write_report
from utility_functions.reporting.results import ModelRecord, RunRecord, ScanRow
from utility_functions.reporting.results_files import write_results
from utility_functions.reporting.score_frames import level_frame, structure_frame, values_by_level
from utility_functions.reporting.score_text import (
    identification_text,
    mask_summary_text,
    mask_text,
    structure_summary_text,
    structure_text,
    summary_text,
)


def scan_text(row: ScanRow) -> str:
    """One scan as text: its table against the truth, or the levels found; then notes and seconds."""
    if row.findings is None:
        return f"Scan {row.case_id}\ncould not be measured: {row.problem}"
    if row.score is not None and row.truth is not None:
        lines = [f"Scan {row.case_id}", identification_text(row)]
    elif row.findings.landmarks is None:
        lines = [f"Scan {row.case_id}", "no names: none of the models finds them"]
    else:
        lines = [f"Scan {row.case_id}", f"found: {', '.join(row.landmarks.names) or 'no vertebra'}"]
    if row.naming is not None and len(row.landmarks):
        lines.append(certainty_line(row.naming))
    if row.segmentation is not None:
        lines.append(mask_text(row))
    if row.structures is not None:
        lines.append(structure_text(row))
    seconds = ", ".join(f"{stage} {value:.1f} s" for stage, value in row.findings.seconds.items())
    return "\n".join([*lines, *row.notes, seconds])


def sum_up(
    rows: Sequence[ScanRow],
    records: Sequence[ModelRecord],
    folder: Path,
    settings: Mapping[str, Any],
    show: Callable[[str], None],
    command: Sequence[str],
) -> None:
    """Show and write the tables, plots and reports of the whole run.

    Plots of an earlier run in the same folder that this run does not write are removed.
    """
    levels = level_frame(rows)
    summary = summarise(levels) if any(row.score is not None for row in rows) else None
    masks = summarise_masks(levels) if any(row.segmentation is not None for row in rows) else None
    scored = any(row.structures is not None for row in rows)
    structures = summarise_structures(structure_frame(rows)) if scored else None
    naming = None if summary is None else summarise_names(rows)
    figures = {}
    if summary is not None and naming is not None:
        show("\n".join([summary_text(summary), *naming_lines(naming)]))
        figures["Localisation error per level"] = folder / "errors.png"
        error_box_plot(values_by_level(levels, "distance_mm"), folder / "errors.png")
    if naming is not None and naming.bins:
        figures["The fraction of correct names over their posterior"] = folder / "reliability.png"
        reliability_plot(naming.bins, folder / "reliability.png")
    if masks is not None:
        show(mask_summary_text(masks))
        figures["Dice per level"] = folder / "dice.png"
        dice_box_plot(values_by_level(levels, "dice"), folder / "dice.png")
    if structures is not None:
        show(structure_summary_text(structures))
    if (folder / "results.json").exists():
        for plot in PLOTS:
            if folder / plot not in figures.values():
                (folder / plot).unlink(missing_ok=True)
    run = RunRecord(rows, records, settings, command, summary, figures, masks, naming, structures)
    write_results(folder, run)
    write_report(folder, run)
