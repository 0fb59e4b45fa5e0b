"""The results of a run: valid JSON, one CSV row for each level, and an offline page."""

import csv
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.instance_summary import summarise_masks
from losses_and_metrics.scan_scores import summarise
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap
from utility_functions.json_records import to_json
from utility_functions.records.findings import Findings
from utility_functions.records.mask_scores import MISSED, MaskScore, SegmentationScore, VertebraScore
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.report import write_report
from utility_functions.reporting.results import ModelRecord, RunRecord, ScanRow
from utility_functions.reporting.results_files import write_results
from utility_functions.reporting.score_frames import LEVEL_COLUMNS, MASK_FIGURES, level_frame

GRID = Grid.from_spacing((4, 5, 6), (1, 2, 3))
MAP = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)
TRUE = Landmarks(("L2", "L1", "S1"), [(0, 0, -34), (0, 0, 0), (0, 0, -200)])
PREDICTED = Landmarks(("L1", "", "T13"), [(0, 3, 4), (0, 0, 500), (0, 0, 70)], [0.91, 0.2, 0.5])
MASKS = SegmentationScore(
    "a",
    (
        VertebraScore(20, "L1", True, "T13", MaskScore(0.9, 9 / 11, 4.0, 2.0, 0.5), MISSED, True),
        VertebraScore(21, "L2", False, None, MISSED, MISSED),
        VertebraScore(7, "", True, "L1", MaskScore(1.0, 1.0, 0.0, 0.0, 0.0)),
    ),
    false=("C3",),
)
NAMING = NamingRecord({"L1": 0.91}, ("T13",), margin=2.0, shifted=(0.1, 0.2), error_probability=0.4)
NASTY = '<b>"évil" & $co_</b>'


def a_run(folder: Path) -> RunRecord:
    (folder / "a.png").write_bytes(b"\x89PNG picture")
    (folder / "m.h5").write_bytes(b"weights")
    score = score_scan("a", PREDICTED, TRUE)
    findings = Findings(
        "a",
        GRID,
        detection=MAP,
        landmarks=PREDICTED,
        instances=MAP,
        completeness={"L1": np.float32(0.5)},
        scores={"dice": float("nan")},
        seconds={"detection": 1.5},
        notes=(NASTY,),
        naming=NAMING,
    )
    rows = [
        ScanRow("a", findings, TRUE, score, folder / "a.png", segmentation=MASKS),
        ScanRow("b", Findings("b", GRID, seconds={"detection": 0.5})),
        ScanRow(NASTY, problem="b.nii.gz: is cut off."),
    ]
    card = {"task": "detection", "spec": {"spacing_mm": (1, 1, 1)}, "training": {"loss": 0.1, "curve": [1, 2]}}
    return RunRecord(
        rows,
        [ModelRecord.of(folder / "m.h5", card)],
        {"memory_gb": np.float64(4), "limit": float("inf"), "path": Path("x")},
        ["measure.py", "a scan.nii.gz"],
        summarise(level_frame(rows)),
        {"Errors per level": folder / "missing.png"},
        summarise_masks(level_frame(rows)),
    )


def test_results_json_is_valid_and_complete(tmp_path: Path) -> None:
    write_results(tmp_path, a_run(tmp_path))

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    known = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert known["command"] == ["measure.py", "a scan.nii.gz"]
    assert known["settings"] == {"memory_gb": 4, "limit": None, "path": "x"}
    assert "numpy" in known["versions"]
    assert known["seconds"] == {"detection": 2.0}
    (model,) = known["models"]
    assert model["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert model["task"] == "detection"
    assert model["training"] == {"loss": 0.1}
    first, second, third = known["scans"]
    assert first["notes"] == [NASTY]
    assert first["scores"] == {"dice": None}
    assert first["orientation"] == "RAS"
    assert first["identification"]["missed"] == ["L2"]
    levels = {level["level"]: level for level in first["levels"]}
    assert list(levels) == ["C3", "T13", "L1", "L2", "S1", "label 7", None]
    level = levels["L1"]
    assert [level[f"{axis}_ras_mm"] for axis in "xyz"] == [0, 3, 4]
    assert (level["score"], level["interpolated"]) == (0.91, False)
    assert (level["distance_mm"], level["hit_verse"], level["hit_verse_4mm"]) == (5, True, False)
    assert second["levels"] == []
    assert third["problem"] == "b.nii.gz: is cut off."
    assert first["naming"]["shifted_by_one"] == pytest.approx(0.3) and first["naming"]["interpolated"] == ["T13"]
    assert second["naming"] is None
    every = known["summary"][0]
    assert (every["rate_verse"], every["rate_verse_4mm"], every["rate_original"]) == (0.5, 0, 0.5)
    masks = first["segmentation"]
    assert (masks["missed"], masks["false"], masks["split"]) == (["L2"], ["C3"], [])
    assert [levels["L2"][name] for name in MASK_FIGURES] == [0, 0, None, None, None]
    found = [known["segmentation"][0][f"found_rate{end}"] for end in ("", "_ci95_low", "_ci95_high", "_n")]
    assert found == [2 / 3, None, None, 3]
    assert "segmentation" not in second


LEVELS = """
level    x    y      z   score true_z nearest mm   predicted mask_of dice   complete false
C3       -    -       -     -   -      -       -    -         -      -      -        1
T13      0.0  0.0   70.0   0.5  -      -       -    -         -      -      -        -
L1       0.0  3.0    4.0  0.91  0.0    5.0     5.0  L1        T13    0.9    1        -
L2       -    -       -     -   -34.0  38.1182 -    -         -      0.0    0        -
S1       -    -       -     -   -200.0 -       -    -         -      -      -        -
label_7  -    -       -     -   -      -       -    -         L1     1.0    1        -
-        0.0  0.0  500.0   0.2  -      -       -    -         -      -      -        -
"""


def test_results_csv_has_a_row_per_level_from_the_top_down(tmp_path: Path) -> None:
    write_results(tmp_path, a_run(tmp_path))
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == list(LEVEL_COLUMNS)
    shown = (
        *("level", "x_ras_mm", "y_ras_mm", "z_ras_mm", "score", "true_z_ras_mm", "nearest_mm", "distance_mm"),
        *("predicted_level", "mask_of", "dice", "complete", "false_mask"),
    )
    table = [[row[name].replace(" ", "_") or "-" for name in shown] for row in rows]
    assert table == [line.split() for line in LEVELS.strip().splitlines()[1:]]
    assert {(row["case_id"], row["margin"], row["shifted_by_one"], row["error_probability"]) for row in rows} == {
        ("a", "2.0", "0.3", "0.4")
    }
    first = rows[2]
    hits = [first[name] for name in ("detected", "hit_verse", "hit_verse_4mm", "hit_original")]
    assert hits == ["1", "1", "0", "1"] and [row["interpolated"] for row in rows] == ["", "1", "0", "", "", "", ""]
    assert [first[name] for name in MASK_FIGURES] == ["0.9", "0.8182", "4.0", "2.0", "0.5"]
    assert (first["dice_by_name"], first["predicted_complete"], first["name_right"]) == ("0.0", "1", "0")


def test_a_row_keeps_no_maps() -> None:
    row = ScanRow("a", Findings("a", GRID, detection=MAP, landmarks=PREDICTED, instances=MAP))
    assert row.findings is not None
    assert (row.findings.detection, row.findings.instances) == (None, None)
    assert row.landmarks is PREDICTED


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32("nan"), None),
        (np.array([1.0, np.inf]), [1, None]),
        ({1: (True, None)}, {"1": [True, None]}),
        (np.bool_(True), True),
        (Path("a/b"), "a/b"),
    ],
)
def test_any_value_becomes_json(value: object, expected: object) -> None:
    assert to_json(value) == expected


class Page(HTMLParser):
    """Collects tags, sources and the text of a page, and checks that tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_report_works_offline_and_escapes_html(tmp_path: Path) -> None:
    write_report(tmp_path, a_run(tmp_path))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "b" not in page.tags and "script" not in page.tags and "link" not in page.tags
    assert {source for source in page.sources if not source.startswith("#")} == {"a.png"}
    assert page.tags.count("img") == 1
    for words in (
        NASTY,
        "b.nii.gz: is cut off.",
        "2 of 3 scans measured",
        "missing.png is not there",
        "'a scan.nii.gz'",
    ):
        assert words in page.words
    assert "Cervical" in page.words and "n/a" in page.words
    for words in (
        "Masks",
        "Per level",
        "Per scan",
        "Dice by name",
        "without a mask: L2",
        "masks on no vertebra: C3",
        "label 7",
    ):
        assert words in page.words


def test_links_to_pictures_work_for_any_name(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    (tmp_path / "a b#.png").write_bytes(b"png")
    rows = [ScanRow("a", picture=tmp_path / "a b#.png")]
    write_report(tmp_path, RunRecord(rows, run.models))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "a%20b%23.png" in page.sources


def test_a_run_without_scans_or_truth_has_results_and_a_report(tmp_path: Path) -> None:
    for run in (RunRecord([]), RunRecord([ScanRow("a", Findings("a", GRID))])):
        write_results(tmp_path, run)
        write_report(tmp_path, run)
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["summary"] is None and record["segmentation"] is None
    words = Page((tmp_path / "report.html").read_text()).words
    assert "Found: no vertebra" in words and "Scores" not in words and "Masks" not in words


def test_the_page_of_a_scan_shows_picture_findings_and_scores_in_order(tmp_path: Path) -> None:
    write_report(tmp_path, a_run(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    section = text[text.index('id="scan0"') :]
    parts = ('src="a.png"', "Found: ", 'class="note"', "names: margin 2.0", "Identification", "Masks", "Scores of all")
    places = [section.index(part) for part in parts]
    assert places == sorted(places)
