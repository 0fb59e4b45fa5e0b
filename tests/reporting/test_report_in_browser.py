"""report.html in a real browser: two hundred scans, a narrow window, and print."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, opened
from matplotlib.figure import Figure

from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings
from utility_functions.reporting.report import png_size, write_report
from utility_functions.reporting.results import RunRecord, ScanRow

SCANS = 200
NAMES = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def written(folder: Path, scans: int) -> Path:
    """A report on so many scans, each with a picture, a view and, every third one, a doubt."""
    figure = Figure(figsize=(9, 7), facecolor="black")
    figure.savefig(folder / "picture.png", dpi=50)
    picture = (folder / "picture.png").read_bytes()
    landmarks = Landmarks(NAMES, [(0.0, 0.0, -30.0 * place) for place in range(len(NAMES))])
    rows = []
    for number in range(scans):
        name = f"a_scan_with_a_long_name_without_spaces_{number:03d}"
        (folder / f"{name}.png").write_bytes(picture)
        (folder / f"{name}_view.html").write_text("<!doctype html><title>view</title>")
        notes = ("The names may all be one level off.",) if number % 3 == 0 else ()
        findings = Findings(name, Grid.from_spacing((2, 2, 2), 1.0), landmarks=landmarks, notes=notes)
        rows.append(ScanRow(name, findings, picture=folder / f"{name}.png"))
    write_report(folder, RunRecord(rows))
    return folder / "report.html"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("report"), SCANS)


def test_any_of_many_scans_is_two_clicks_away(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        page.click("text=a_scan_with_a_long_name_without_spaces_150 >> nth=0")
        box = page.locator("#scan150").bounding_box()
        assert box is not None and -5 <= box["y"] <= 100
        image = page.locator("section:has(#scan150) img")
        page.wait_for_function("(image) => image.complete && image.naturalWidth > 0", arg=image.element_handle())
        loaded = page.evaluate("[...document.images].filter((each) => each.complete && each.naturalWidth).length")
        assert loaded < SCANS  # pictures far away are not read
        page.locator("section:has(#scan150) a.view").click()
        assert page.title() == "view"


def test_a_picture_keeps_its_shape_in_any_window(browser: Any, report: Path) -> None:
    size = png_size(report.with_name("picture.png"))
    assert size is not None
    with opened(browser, report, 390, 700) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for width, height in ((390, 700), (1200, 400)):
            page.set_viewport_size({"width": width, "height": height})
            box = page.locator("section img").first.bounding_box()
            assert box is not None and box["height"] <= height
            assert box["width"] / box["height"] == pytest.approx(size[0] / size[1], rel=0.02)


def test_print_has_a_page_for_each_scan(browser: Any, tmp_path: Path) -> None:
    with opened(browser, written(tmp_path, 6)) as page:
        printed = page.pdf(format="A4")
        page.emulate_media(media="print")
        assert not page.is_visible("a.view >> nth=0") and page.is_visible(".note >> nth=0")
    pages = printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page/")
    assert 6 < pages <= 8  # overview, scans, and how the report was made
    assert printed.count(b"/Subtype /Image") >= 1  # those far below are read, too
