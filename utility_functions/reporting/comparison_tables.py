"""A comparison of several pipelines: as text, CSV, JSON and a page."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from utility_functions.files.atomic_write import write_json
from utility_functions.json_records import json_text
from utility_functions.reporting.page import write_page
from utility_functions.reporting.results_files import write_csv
from utility_functions.reporting.tables import (
    COMPARISON,
    COMPARISON_FIGURES,
    MISSING,
    NOT_DEFINED,
    interval_lines,
    millimetres,
    shown,
    text_table,
    three_digits,
)
from utility_functions.reporting.versions import versions


@dataclass(frozen=True, eq=False)
class Comparison:
    """pipelines: a row per pipeline, in the requested order. scans: a row per pipeline (name) and scan.

    left_out: scans that not every pipeline could measure, which no row counts.
    """

    pipelines: pd.DataFrame
    scans: pd.DataFrame
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, figures: Sequence[tuple[Mapping[str, Any], pd.DataFrame]], left_out: tuple[str, ...] = ()
    ) -> Comparison:
        """From each pipeline's row and its frame of scans."""
        pipelines = pd.DataFrame([row for row, _ in figures])
        pipelines = pipelines.astype(dict.fromkeys(("false_names", "false_masks"), "Int64"))
        return cls(pipelines, pd.concat([scans for _, scans in figures], ignore_index=True), left_out)

    @property
    def remarks(self) -> list[str]:
        """Which scans were left out, in a line."""
        names = ", ".join(self.left_out)
        return [f"left out, since not every pipeline could measure them: {names}"] if names else []


def comparison_text(comparison: Comparison) -> str:
    """The pipelines as text, then each one's intervals in a line, and the scans that were left out."""
    table = text_table(shown(comparison.pipelines, COMPARISON))
    return "\n".join([table, *interval_lines(comparison.pipelines, COMPARISON_FIGURES), *comparison.remarks])


def write_comparison(
    folder: Path,
    comparison: Comparison,
    requested: Mapping[str, Mapping[str, Any]],
    command: Sequence[str] = (),
) -> None:
    """comparison.csv, comparison.json and comparison.html in ``folder``; requested: the settings of each, by name."""
    write_csv(folder / "comparison.csv", comparison.pipelines)
    pipelines = [
        {**pipeline, "settings": requested.get(pipeline["name"], {})}
        for pipeline in comparison.pipelines.to_dict("records")
    ]
    tree = {
        **{"command": command, "versions": versions(), "left_out": comparison.left_out},
        **{"pipelines": pipelines, "scans": comparison.scans},
    }
    write_json(folder / "comparison.json", tree, indent=2)
    cells = shown(comparison.pipelines, COMPARISON, intervals=True)
    write_page(
        folder / "comparison.html",
        title="Pipelines compared",
        figures=cells.set_index("pipeline").T.reset_index(names="pipeline", allow_duplicates=True),
        links={pipeline["name"]: f"{quote(pipeline['name'])}/report.html" for pipeline in pipelines},
        pipelines=[{**each, "settings": json_text(each["settings"], indent=2)} for each in pipelines],
        remarks=comparison.remarks,
        scans=_scans(comparison),
        command=shlex.join(command),
    )


def _scans(comparison: Comparison) -> pd.DataFrame:
    """Of each scan, under each pipeline, how many levels are identified, the mean distance and the Dice."""
    scans = comparison.scans
    cells = scans.assign(cell=[_cell(scan) for _, scan in scans.iterrows()])
    table = cells.pivot(index="case_id", columns="name", values="cell").fillna(MISSING)
    names = [name for name in comparison.pipelines["name"] if name in table]
    return table.loc[scans["case_id"].unique(), names].reset_index(names="scan", allow_duplicates=True)


def _cell(scan: pd.Series) -> str:
    parts = []
    if pd.notna(scan["levels"]):
        parts += [f"{scan['identified']} of {scan['levels']}", f"{millimetres(scan['mean_mm'])} mm"]
    if pd.notna(scan["dice"]):
        parts.append(f"Dice {three_digits(scan['dice'])}")
    return ", ".join(parts) or NOT_DEFINED
