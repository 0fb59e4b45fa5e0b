"""What a run leaves: valid JSON, one CSV row per level, and a page that opens offline."""

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
from utility_functions.records.findings import Findings
from utility_functions.records.mask_scores import MISSED, MaskScore, SegmentationScore, VertebraScore
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting import report
from utility_functions.reporting.level_rows import CSV_COLUMNS
from utility_functions.reporting.report import write_report
from utility_functions.reporting.results import ModelRecord, RunRecord, ScanRow, plain, write_results

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
NAMING = NamingRecord({"L1": 0.91}, ("T13",), margin=2.0, shifted=(0.1, 0.2), doubt=0.4)
NASTY = '<b>"évil" & $co_</b>'


def a_run(folder: Path) -> RunRecord:
    (folder / "a.png").write_bytes(b"\x89PNG picture")
    (folder / "m.h5").write_bytes(b"weights")
    score = score_scan("a", PREDICTED, TRUE)
    findings = Findings(
        "a",
        GRID,
        MAP,
        PREDICTED,
        MAP,
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
        summarise([score]),
        {"Errors per level": folder / "missing.png"},
        summarise_masks([MASKS]),
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
    assert first["centroids"][0] == {"level": "L1", "x_mm": 0, "y_mm": 3, "z_mm": 4, "score": 0.91, "filled": False}
    assert first["identification"]["missed"] == ["L2"]
    level = first["identification"]["levels"][0]
    assert (level["distance_mm"], level["hit_verse"], level["hit_verse_4mm"]) == (5, True, False)
    assert second["centroids"] == []
    assert third["problem"] == "b.nii.gz: is cut off."
    assert first["naming"]["shifted_by_one"] == pytest.approx(0.3) and first["naming"]["filled"] == ["T13"]
    assert second["naming"] is None
    every = known["summary"]["regions"][0]
    assert (every["rate_verse"], every["rate_verse_4mm"], every["rate_original"]) == (0.5, 0, 0.5)
    masks = first["segmentation"]
    assert (masks["missed"], masks["false"], masks["split"]) == (["L2"], ["C3"], [])
    assert masks["vertebrae"][1]["mask"] == {"dice": 0, "iou": 0, "hd_mm": None, "hd95_mm": None, "assd_mm": None}
    assert known["segmentation"]["regions"][0]["found"] == {"mean": 2 / 3, "interval": None, "count": 3}
    assert "segmentation" not in second


SURE = ["2.0", "0.3", "0.4"]
MISSED_CELLS = ["", "0", "0", "0", "", "0.0", "0.0", "", "", "", "0", ""]


def test_results_csv_has_a_row_per_level_from_the_top_down(tmp_path: Path) -> None:
    write_results(tmp_path, a_run(tmp_path))
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    assert tuple(header) == CSV_COLUMNS
    assert rows == [
        ["a", "T13", "0.0", "0.0", "70.0", "0.5", *[""] * 14, "1", *SURE],
        [
            "a",
            "L1",
            "0.0",
            "3.0",
            "4.0",
            "0.91",
            "0.0",
            "0.0",
            "0.0",
            "5.0",
            "1",
            "0",
            "1",
            "T13",
            "0.9",
            "0.8182",
            "4.0",
            "2.0",
            "0.5",
            "1",
            "0",
            *SURE,
        ],
        ["a", "L2", "", "", "", "", "0.0", "0.0", "-34.0", *MISSED_CELLS, *SURE],
        ["a", "S1", "", "", "", "", "0.0", "0.0", "-200.0", *[""] * 12, *SURE],
        ["a", "label 7", *[""] * 11, "L1", "1.0", "1.0", "0.0", "0.0", "0.0", "1", "", *SURE],
        ["a", "", "0.0", "0.0", "500.0", "0.2", *[""] * 18],
    ]


def test_a_row_lets_the_maps_go() -> None:
    row = ScanRow("a", Findings("a", GRID, MAP, PREDICTED, MAP))
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
def test_anything_becomes_plain(value: object, expected: object) -> None:
    assert plain(value) == expected


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


def test_the_report_opens_offline_and_escapes_everything(tmp_path: Path) -> None:
    write_report(tmp_path, a_run(tmp_path))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "b" not in page.tags and "script" not in page.tags and "link" not in page.tags
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in page.sources)
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
    for words in ("Masks", "Per level", "Dice by name", "without a mask: L2", "masks on no vertebra: C3", "label 7"):
        assert words in page.words


def test_many_pictures_are_linked_and_not_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "EMBEDDED_BYTES", 1)
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
    told = json.loads((tmp_path / "results.json").read_text())
    assert told["summary"] is None and told["segmentation"] is None
    words = Page((tmp_path / "report.html").read_text()).words
    assert "Scores" not in words and "Masks" not in words
