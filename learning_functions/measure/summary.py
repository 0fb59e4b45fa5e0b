"""What a run tells when a scan is done, and when all are: text for the terminal, tables, plots and reports.

Nothing here needs Keras, so that landmark files are named without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from losses_and_metrics.instance_summary import dice_by_level, summarise_masks
from losses_and_metrics.naming_summary import NamedScan, summarise_names
from losses_and_metrics.scan_scores import distances_by_level, summarise
from losses_and_metrics.structure_scores import summarise_structures
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.files.provenance import PLOTS
from utility_functions.reporting.mask_tables import mask_summary_table, mask_table
from utility_functions.reporting.naming_tables import naming_lines, sureness_line
from utility_functions.reporting.plots import dice_box_plot, error_box_plot, reliability_plot
from utility_functions.reporting.report import write_report
from utility_functions.reporting.results import ModelRecord, RunRecord, ScanRow, write_results
from utility_functions.reporting.structure_tables import structure_summary_table, structure_table
from utility_functions.reporting.tables import scan_table, summary_table


def scan_text(row: ScanRow) -> str:
    """One scan in words: its table against the truth, or what was found; then notes and seconds."""
    if row.findings is None:
        return f"Scan {row.case_id}\ncould not be measured: {row.problem}"
    if row.score is not None and row.truth is not None:
        lines = [scan_table(row.score, row.landmarks, row.truth)]
    elif row.findings.landmarks is None:
        lines = [f"Scan {row.case_id}", "no names: none of the models given finds them"]
    else:
        names = [name for name in row.landmarks.names if name in VERTEBRAE]
        lines = [f"Scan {row.case_id}", f"found: {', '.join(names) or 'no vertebra'}"]
    if row.naming is not None and len(row.landmarks):
        lines.append(sureness_line(row.naming))
    if row.segmentation is not None:
        lines.append(mask_table(row.segmentation))
    if row.structures is not None:
        lines.append(structure_table(row.structures))
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
    """The tables and files of the whole run. Where its folder holds results already, they are ours: plots that this run
    does not make go with them.
    """
    scores = [row.score for row in rows if row.score is not None]
    summary = summarise(scores) if scores else None
    masks = [row.segmentation for row in rows if row.segmentation is not None]
    mask_summary = summarise_masks(masks) if masks else None
    naming = None
    figures = {}
    if summary is not None:
        naming = summarise_names(
            [
                NamedScan(row.landmarks, row.truth, row.score, row.naming)
                for row in rows
                if row.score is not None and row.truth is not None
            ]
        )
        show("\n".join([summary_table(summary), *naming_lines(naming)]))
        figures = {"Localisation error per level": folder / "errors.png"}
        error_box_plot(distances_by_level(scores), folder / "errors.png")
    if naming is not None and naming.bins:
        figures["How often names are right, over how sure they are told to be"] = folder / "reliability.png"
        reliability_plot(naming.bins, folder / "reliability.png")
    if mask_summary is not None:
        show(mask_summary_table(mask_summary))
        figures["Dice per level"] = folder / "dice.png"
        dice_box_plot(dice_by_level(masks), folder / "dice.png")
    classes = [row.structures for row in rows if row.structures is not None]
    structures = summarise_structures(classes) if classes else None
    if structures is not None:
        show(structure_summary_table(structures))
    if (folder / "results.json").exists():
        for plot in PLOTS:
            if folder / plot not in figures.values():
                (folder / plot).unlink(missing_ok=True)
    run = RunRecord(rows, records, settings, command, summary, figures, mask_summary, naming, structures)
    write_results(folder, run)
    write_report(folder, run)
