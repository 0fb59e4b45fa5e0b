"""Pipelines beside each other: straight columns, a CSV and JSON of all figures, and a page that opens offline."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.reporting.test_results import Page
from utility_functions.records.comparison import Comparison, PipelineRow, ScanFigures
from utility_functions.records.mask_scores import Figure
from utility_functions.reporting.comparison_tables import comparison_table, write_comparison

NONE = Figure()
FIRST = PipelineRow(
    **{"name": "a b", "title": "<First> & best", "tasks": ("detection", "identification")},
    **{"scans": 2, "scored": 2, "levels": 10},
    rate_verse=Figure(0.9, (0.8, 1.0), 10),
    rate_verse_4mm=Figure(0.5, (0.25, 0.75), 10),
    rate_original=Figure(0.8, None, 10),
    mean_mm=Figure(2.345678, (1.5, 3.25), 9),
    all_right=Figure(0.5, (0.0, 1.0), 2),
    dice=Figure(0.8765, (0.8, 0.9), 10),
    hd95_mm=Figure(3.0, None, 9),
    assd_mm=Figure(0.75, None, 9),
    false_names=1,
    false_masks=0,
    seconds=12.345,
    by_scan={"s<1>": ScanFigures(1.0, 4, 2, 5, 2.5, 0.8), "s2": ScanFigures(2.0, 5, 3, 5, 2.0)},
)
SECOND = PipelineRow("bare", "bare", ("detection",), 2, 0, 0, *[NONE] * 8, None, None, 0.5, {"s2": ScanFigures(0.5)})
COMPARISON = Comparison((FIRST, SECOND), ("broken",))


def test_the_table_by_hand() -> None:
    header, first, second, *lines = comparison_table(COMPARISON).splitlines()
    columns = ("scans  scored  levels  id. VerSe  id. 4 mm  id. original  mean mm  all right", "Dice  HD95 mm  ASSD mm")
    assert header == f"pipeline  {columns[0]}   {columns[1]}  false names  false masks  s per scan"
    figures = ("90.0 %    50.0 %        80.0 %     2.35     50.0 %", "0.876     3.00     0.75")
    assert (
        first == f"a b           2       2      10     {figures[0]}  {figures[1]}            1            0        12.3"
    )
    figures = ("   n/a       n/a           n/a      n/a        n/a", "  n/a      n/a      n/a")
    assert (
        second
        == f"bare          2       0       0     {figures[0]}  {figures[1]}            -            -         0.5"
    )
    assert lines == [
        "95 % intervals over scans, a b: id. VerSe 80.0 % to 100.0 %, id. 4 mm 25.0 % to 75.0 %, mean mm 1.50 to 3.25, "
        "all right 0.0 % to 100.0 %, Dice 0.800 to 0.900",
        "left out, since not every pipeline could measure them: broken",
    ]


def test_csv_and_json_hold_every_figure_and_both_ends_of_its_interval(tmp_path: Path) -> None:
    write_comparison(tmp_path, COMPARISON, {"a b": {"naming": "chain", "models": [Path("x.h5")]}}, ["measure.py", "in"])
    with (tmp_path / "comparison.csv").open(newline="") as lines:
        first, second = csv.DictReader(lines)
    assert (first["name"], first["tasks"], first["rate_verse"]) == ("a b", "detection identification", "0.9")
    assert (first["rate_verse_4mm_low"], first["rate_verse_4mm_high"]) == ("0.25", "0.75")
    assert (first["mean_mm"], first["dice"], first["hd95_mm_low"], first["false_names"]) == (
        "2.3457",
        "0.8765",
        "",
        "1",
    )
    assert second["rate_verse"] == second["dice"] == second["false_masks"] == "" and second["scans"] == "2"
    told = json.loads((tmp_path / "comparison.json").read_text())
    assert told["command"] == ["measure.py", "in"] and told["left_out"] == ["broken"] and "numpy" in told["versions"]
    assert told["pipelines"][0]["rate_verse"] == {"mean": 0.9, "interval": [0.8, 1.0], "count": 10}
    assert told["pipelines"][0]["asked"] == {"naming": "chain", "models": ["x.h5"]}
    assert told["pipelines"][0]["by_scan"]["s2"]["identified"] == 5
    assert told["pipelines"][1]["dice"]["mean"] is None


def test_the_page_opens_offline_escapes_everything_and_leads_to_each_report(tmp_path: Path) -> None:
    write_comparison(tmp_path, COMPARISON, {"a b": {"title": "<b>"}}, ["measure.py", "<in>"])
    page = Page((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert page.open == [] and "script" not in page.tags and "first" not in page.tags
    assert page.sources == ["a%20b/report.html", "bare/report.html"]
    for words in ("<First> & best", "(80.0 % to 100.0 %)", "s<1>", "4 of 5", "2.50 mm, Dice 0.800", "broken", "<in>"):
        assert words in page.words
