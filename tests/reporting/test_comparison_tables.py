"""The comparison of pipelines: aligned columns, CSV and JSON of all figures, and an offline page."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pandas as pd

from tests.reporting.test_results import Page
from utility_functions.reporting.comparison_tables import Comparison, comparison_text, write_comparison

nan = math.nan


def figures(**values: tuple[float, float, float, int]) -> dict[str, float]:
    ends = ("", "_ci95_low", "_ci95_high", "_n")
    return {f"{name}{end}": value for name, four in values.items() for end, value in zip(ends, four, strict=True)}


FIRST = {
    **{"name": "a b", "title": "<First> & best", "tasks": "detection identification"},
    **{"scans": 2, "scored": 2, "levels": 10},
    **figures(
        rate_verse=(0.9, 0.8, 1.0, 10),
        rate_verse_4mm=(0.5, 0.25, 0.75, 10),
        rate_original=(0.8, nan, nan, 10),
        mean_mm=(2.345678, 1.5, 3.25, 9),
        all_right=(0.5, 0.0, 1.0, 2),
        dice=(0.8765, 0.8, 0.9, 10),
        hd95_mm=(3.0, nan, nan, 9),
        assd_mm=(0.75, nan, nan, 9),
    ),
    **{"false_names": 1, "false_masks": 0, "seconds_per_scan": 12.345},
}
SECOND = {name: 0 if name.endswith("_n") else nan for name in FIRST} | {
    **{"name": "bare", "title": "bare", "tasks": "detection", "scans": 2, "scored": 0, "levels": 0},
    **{"false_names": pd.NA, "false_masks": pd.NA, "seconds_per_scan": 0.5},
}
SCANS = pd.DataFrame(
    [
        {"name": "a b", "case_id": "s<1>", "levels": 5, "identified": 4, "mean_mm": 2.5, "dice": 0.8},
        {"name": "a b", "case_id": "s2", "levels": 5, "identified": 5, "mean_mm": 2.0},
        {"name": "bare", "case_id": "s2"},
    ]
).astype({"levels": "Int64", "identified": "Int64"})
COMPARISON = Comparison.of([(FIRST, SCANS[:2]), (SECOND, SCANS[2:])], ("broken",))


def test_the_comparison_table_matches_one_computed_by_hand() -> None:
    header, first, second, *lines = comparison_text(COMPARISON).splitlines()
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
        "95 % intervals over scans, a b: id. VerSe 80.0 to 100.0 %, id. 4 mm 25.0 to 75.0 %, mean mm 1.50 to 3.25, "
        "all right 0.0 to 100.0 %, Dice 0.800 to 0.900",
        "left out, since not every pipeline could measure them: broken",
    ]


def test_csv_and_json_hold_each_figure_with_its_interval(tmp_path: Path) -> None:
    write_comparison(tmp_path, COMPARISON, {"a b": {"naming": "chain", "models": [Path("x.h5")]}}, ["measure.py", "in"])
    with (tmp_path / "comparison.csv").open(newline="") as lines:
        first, second = csv.DictReader(lines)
    assert (first["name"], first["tasks"], first["rate_verse"]) == ("a b", "detection identification", "0.9")
    assert (first["rate_verse_4mm_ci95_low"], first["rate_verse_4mm_ci95_high"]) == ("0.25", "0.75")
    assert (first["mean_mm"], first["dice"], first["hd95_mm_ci95_low"], first["false_names"]) == (
        "2.3457",
        "0.8765",
        "",
        "1",
    )
    assert second["rate_verse"] == second["dice"] == second["false_masks"] == "" and second["scans"] == "2"
    record = json.loads((tmp_path / "comparison.json").read_text())
    assert (
        record["command"] == ["measure.py", "in"] and record["left_out"] == ["broken"] and "numpy" in record["versions"]
    )
    rates = [record["pipelines"][0][f"rate_verse{end}"] for end in ("", "_ci95_low", "_ci95_high", "_n")]
    assert rates == [0.9, 0.8, 1.0, 10]
    assert record["pipelines"][0]["settings"] == {"naming": "chain", "models": ["x.h5"]}
    assert [(scan["case_id"], scan["identified"]) for scan in record["scans"]] == [
        ("s<1>", 4),
        ("s2", 5),
        ("s2", None),
    ]
    assert record["pipelines"][1]["dice"] is None and record["pipelines"][1]["false_names"] is None


def test_pipelines_may_have_any_name_and_no_common_scan(tmp_path: Path) -> None:
    names = ("pipeline", "scan", "level_0")
    write_comparison(tmp_path, Comparison.of([(FIRST | {"name": name}, SCANS[:0]) for name in names], ("s1",)), {})
    page = Page((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert page.sources == [f"{name}/report.html" for name in names] and "s1" in page.words
    scans = SCANS[2:].assign(name="scan")
    write_comparison(tmp_path, Comparison.of([(FIRST | {"name": "scan"}, scans)]), {})
    assert "s2" in Page((tmp_path / "comparison.html").read_text(encoding="utf-8")).words


def test_the_page_works_offline_escapes_html_and_links_each_report(tmp_path: Path) -> None:
    write_comparison(tmp_path, COMPARISON, {"a b": {"title": "<b>"}}, ["measure.py", "<in>"])
    page = Page((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert page.open == [] and "script" not in page.tags and "first" not in page.tags
    assert page.sources == ["a%20b/report.html", "bare/report.html"]
    for words in ("<First> & best", "(80.0 to 100.0 %)", "s<1>", "4 of 5", "2.50 mm, Dice 0.800", "broken", "<in>"):
        assert words in page.words
