"""The page with slices and 3D in a real browser: what is drawn, where a click leads, and names corrected by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium, opened

from learning_functions.predict.initial_findings import InitialFindings
from utility_functions.anatomy.parts import DISC, SACRUM
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.cases import Case
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import PartMap, VertebraMap
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.browser_view import write_view
from utility_functions.reporting.niivue_script import has_niivue

pytestmark = pytest.mark.skipif(not has_niivue(), reason="NiiVue is not installed (extra viewer)")

GRID = Grid.from_spacing((40, 44, 60), 3.0, (50.0, -66.0, 900.0), "LAS")
LANDMARKS = Landmarks(("L2", "L3", "L4"), [(2.0, 1.0, 1040.0), (-4.0, 9.0, 1000.0), (3.0, -7.0, 960.0)])
IDS = {"L2": 21, "L3": 22, "L4": 23}


def a_scan(quarter_turns: int = 0) -> tuple[Findings, Volume]:
    """Three blocks of bone in soft tissue within air, each with its label and its centre; discs below, and a sacrum."""
    places = GRID.to_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
    voxels = np.where(np.hypot(places[..., 0], places[..., 1]) < 50, 40, -1000).astype(np.int16)
    labels, found = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint8)
    for z_mm, part in ((1020, DISC), (980, DISC), (925, SACRUM)):
        found[(np.abs(places - (0, 0, z_mm)) < (20, 15, 7)).all(axis=-1)] = part
    for name, point in LANDMARKS:
        block = (np.abs(places - point) < (20, 15, 12)).all(axis=-1)
        voxels[block], labels[block] = 600, IDS[name]
    naming = NamingRecord(dict.fromkeys(LANDMARKS.names, 0.9), ("L4",), ranges={"L2": ("L1", "L3")}, warning="Doubted.")
    maps = {"instances": VertebraMap(labels, GRID), "detection": PartMap(found, GRID)}
    findings = Findings("a <scan>", GRID, **maps, landmarks=LANDMARKS, naming=naming)
    return findings.noting(*naming.notes).having(quarter_turns=quarter_turns), Volume(voxels, GRID)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("view") / "scan_view.html"
    write_view(*a_scan(), place)
    return place


@pytest.fixture(scope="module")
def page(browser: Any, written: Path) -> Iterator[Any]:
    """The page, its scan drawn; each test leaves it as it was."""
    with opened(browser, written) as found:
        found.wait_for_selector("body[data-ready]")
        yield found


def crosshair(page: Any) -> list[float]:
    found: list[float] = page.evaluate("crosshair()")
    return found


def share_coloured(page: Any) -> float:
    """The fraction of drawn pixels whose colours differ: those of labels."""
    script = """() => { nv.drawScene(); const {gl} = nv, [w, h] = [gl.canvas.width, gl.canvas.height];
    const p = new Uint8Array(4 * w * h); gl.readPixels(0, 0, w, h, gl.RGBA, gl.UNSIGNED_BYTE, p);
    let n = 0; for (let i = 0; i < p.length; i += 4)
      n += Math.max(p[i], p[i+1], p[i+2]) - Math.min(p[i], p[i+1], p[i+2]) > 40;
    return n / (w * h); }"""
    return float(page.evaluate(script))


def test_labels_are_drawn_and_can_be_switched_off(page: Any) -> None:
    shown = share_coloured(page)
    page.click("#overlay")
    hidden = share_coloured(page)
    page.click("#overlay")
    assert shown > 0.02 and hidden < shown / 4
    assert share_coloured(page) == pytest.approx(shown, rel=0.1)


def test_discs_and_sacrum_are_labelled_beside_vertebrae_and_can_be_hidden(page: Any) -> None:
    assert page.inner_text("#structures").split() == ["discs", "sacrum"]
    for name, z_mm in (("discs", 1020), ("sacrum", 925)):
        page.evaluate(f"goTo([0, 0, {z_mm}])")
        page.wait_for_function(f"document.getElementById('where').textContent.includes('in {name}')")
    shown = share_coloured(page)
    page.click("#others")
    vertebrae_alone = share_coloured(page)
    page.click("#others")
    assert 0.01 < vertebrae_alone < 0.9 * shown
    assert share_coloured(page) == pytest.approx(shown, rel=0.1)


def test_a_click_on_a_level_puts_the_crosshair_at_its_centre(page: Any) -> None:
    for name, point in LANDMARKS:
        page.click(f"[data-level={name}]")
        assert math.dist(crosshair(page), point) < 0.1
        assert f"in {name}" in page.inner_text("#where") and "600 HU" in page.inner_text("#where")
    page.focus("#view")
    page.keyboard.press("ArrowUp")
    assert math.dist(crosshair(page), LANDMARKS.point("L3")) < 0.1


def test_a_click_on_the_name_of_a_slice_leads_near_it(page: Any) -> None:
    """What stands at the place where the sagittal slice draws L2 is L2."""
    page.click("[data-level=L3]")
    spot = page.evaluate(
        """() => { const mm = state.levels[0].mm.slice(); mm[0] = crosshair()[0];
        const {pos} = nv.frac2canvasPosWithTile(nv.mm2frac(mm), SAGITTAL);
        const box = nv.canvas.getBoundingClientRect(), r = nv.canvas.width / box.width;
        return [box.x + pos[0] / r, box.y + pos[1] / r]; }"""
    )
    page.mouse.click(*spot)
    page.wait_for_function("document.getElementById('where').textContent.includes('in L2')")
    assert math.dist(crosshair(page)[1:], LANDMARKS.point("L2")[1:]) < 3


def test_windows_and_layouts_follow_their_buttons(page: Any) -> None:
    page.click("text=Soft tissue")
    assert page.evaluate("[nv.volumes[0].cal_min, nv.volumes[0].cal_max]") == [-150, 250]
    for words, tiles in (("Sagittal", [2]), ("3D", [4]), ("All", [2, 1, 0, 4]), ("Slices", [2, 1, 0])):
        page.click(f"#layouts >> text='{words}'")
        page.wait_for_function(
            f"String(nv.screenSlices.map((each) => each.axCorSag)) === '{','.join(map(str, tiles))}'"
        )
    page.click("#windows >> text='Bone'")
    assert page.evaluate("[nv.volumes[0].cal_min, nv.volumes[0].cal_max]") == [-450, 1050]


def test_doubts_stand_beside_the_levels(page: Any) -> None:
    words = page.inner_text("aside")
    for each in ("Doubted.", "L1 to L3", "interpolated, not detected", "90 %"):
        assert each in words
    assert page.inner_text("h1") == "a <scan>"


def downloaded(page: Any, folder: Path) -> Path:
    with page.expect_download() as caught:
        page.click("#download")
    place = folder / "scan.mrk.json"
    caught.value.save_as(place)
    return place


def test_shifted_names_are_downloaded_for_the_next_run(page: Any, tmp_path: Path) -> None:
    page.click("#up")
    place = downloaded(page, tmp_path)
    page.click("#undo")
    start = InitialFindings(landmarks=place).start(Case("a <scan>", tmp_path / "scan.nii.gz"), GRID, ["instances"])
    corrected = start.findings.landmarks
    assert corrected is not None and corrected.names == ("L1", "L2", "L3")
    assert np.allclose(corrected.points_mm, LANDMARKS.points_mm, atol=1e-3)
    assert page.is_disabled("#download")


def test_a_level_is_renamed_moved_and_removed(page: Any, tmp_path: Path) -> None:
    page.select_option("#levels li:nth-child(3) select", "L5")
    page.click("[data-level=L3]")
    page.click("#levels li:nth-child(1) button[title^=Put]")
    page.click("#levels li:nth-child(2) button[title=Remove]")
    place = downloaded(page, tmp_path)
    corrected = read_landmarks(place, GRID)
    page.click("#undo")
    assert corrected.names == ("L2", "L5")
    assert np.allclose(corrected.points_mm, [LANDMARKS.point("L3"), LANDMARKS.point("L4")], atol=0.1)
    assert "generator" not in json.loads(place.read_text())


def test_two_levels_of_one_name_are_told_and_not_downloaded(page: Any) -> None:
    page.select_option("#levels li:nth-child(3) select", "L2")
    assert page.inner_text("#message") == "L2 stands twice." and page.is_disabled("#download")
    page.click("#undo")
    assert page.inner_text("#message") == ""


def test_a_turned_patient_in_a_narrow_window_is_corrected_in_the_scans_frame(browser: Any, tmp_path: Path) -> None:
    write_view(*a_scan(quarter_turns=1), tmp_path / "turned_view.html")
    with opened(browser, tmp_path / "turned_view.html", 390, 700) as page:
        page.wait_for_selector("body[data-ready]")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.click("[data-level=L3]")
        assert math.dist(crosshair(page), (-9.0, -4.0, 1000.0)) < 0.1
        page.click("#levels li:nth-child(2) button[title^=Put]")
        corrected = read_landmarks(downloaded(page, tmp_path), GRID)
    assert np.allclose(corrected.points_mm, LANDMARKS.points_mm, atol=0.1)


def test_without_the_script_beside_it_the_page_says_so(browser: Any, written: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone_view.html"
    alone.write_bytes(written.read_bytes())
    with opened(browser, alone) as page:
        page.wait_for_selector("body[data-ready]")
        assert "niivue.js is missing" in page.inner_text("#message")
        assert page.inner_text("[data-level=L3]").startswith("L3")
