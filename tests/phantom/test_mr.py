"""Phantoms in MR: the same patient as in CT, contrasts as sequences give them, thick sagittal slices, any scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from utility_functions.anatomy.structures import structures_of
from utility_functions.files.cases import load_scan
from utility_functions.files.manifest import find_cases, read_manifest
from utility_functions.files.phantom_dataset import write_phantoms
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.coil import draw_coil, sensitivity
from utility_functions.phantom.field_of_view import draw_mr_slices
from utility_functions.phantom.mr_artefacts import distort, draw_mr_artefacts, through_thick_slices
from utility_functions.phantom.phantom_request import PhantomRequest, requested_phantoms
from utility_functions.phantom.posture import draw_spine
from utility_functions.phantom.resonance import FAT, KINDS, WATER, PulseSequence, draw_sequence, draw_signals
from utility_functions.phantom.scanner import PhantomScan, make_phantom
from utility_functions.phantom.tissue import TISSUE_CODES, TISSUES
from utility_functions.phantom.torso import draw_torso

SPACING_MM = (4.0, 2.0, 2.0)


def made(kind: str, seed: int = 5, spacing_mm: tuple[float, ...] = SPACING_MM, axcodes: str = "RAS") -> PhantomScan:
    return make_phantom(np.random.default_rng(seed), "p", "lumbar", spacing_mm, axcodes, kind)


@pytest.fixture(scope="module")
def scans() -> dict[str, PhantomScan]:
    return {kind: made(kind) for kind in ("ct", *KINDS)}


def mean_of(scan: PhantomScan, *tissues: str) -> float:
    there = np.isin(scan.tissues.voxels, [TISSUE_CODES[name] for name in tissues])
    return float(scan.volume.voxels[there].mean())


@pytest.mark.parametrize(
    ("sequence", "signal"),
    [
        (PulseSequence(1.5, 500, 10, 0, True), 0.5 * (1 - np.exp(-0.5)) * np.exp(-0.2)),
        (PulseSequence(1.5, 4000, 100, 0, True), 0.5 * (1 - np.exp(-4)) * np.exp(-2)),
        (PulseSequence(1.5, 1e9, 0, 0, True), 0.5),
        (PulseSequence(1.5, 1e9, 0, 0, True, inversion_ms=1000 * np.log(2)), 0.0),
        (PulseSequence(1.5, 1e9, 50, 0, True, flip_degrees=90), 0.5 * np.exp(-1) * np.exp(-50 / 25)),
    ],
)
def test_a_signal_is_that_of_its_sequence(sequence: PulseSequence, signal: float) -> None:
    assert sequence.signal(0.5, 1000, 50, inhomogeneity_ms=25) == pytest.approx(signal)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("kind", "brighter", "darker"),
    [
        ("mr-t1", "fat", "vertebra marrow"),
        ("mr-t1", "vertebra marrow", "csf"),
        ("mr-t1", "disc", "csf"),
        ("mr-t2", "csf", "cord"),
        ("mr-t2", "csf", "nucleus"),
        ("mr-t2", "nucleus", "disc"),
        ("mr-t2", "fat", "muscle"),
        ("mr-t2", "vertebra marrow", "vertebra shell"),
        ("mr-t2", "vertebra marrow", "disc"),
        ("mr-stir", "csf", "fat"),
        ("mr-stir", "muscle", "fat"),
        ("mr-gre", "muscle", "vertebra shell"),
    ],
)
def test_contrasts_are_those_of_the_sequence(kind: str, brighter: str, darker: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    signals = draw_signals(draw_sequence(rng, kind), 0.6, rng)
    both = signals.water + signals.fat
    assert both[TISSUE_CODES[brighter]] > 1.1 * both[TISSUE_CODES[darker]]


def test_every_tissue_has_a_signal_and_no_time_is_impossible() -> None:
    for protons, t1, t1_3t, t2, grain in (*WATER.values(), (*FAT, 0.0)):
        assert 0 < protons <= 1 and t2 < t1 < t1_3t and 0 <= grain < 0.5
    rng = np.random.default_rng(1)
    signals = draw_signals(draw_sequence(rng, "mr-t2"), 0.2, rng)
    for part in (signals.water, signals.fat, signals.dry):
        assert part.shape == (len(TISSUES),) and np.isfinite(part).all() and (part >= 0).all() and (part < 1.1).all()


def test_another_contrast_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of mr-t1, mr-t2, mr-stir, mr-gre.*'mr-pd'"):
        draw_sequence(np.random.default_rng(1), "mr-pd")
    with pytest.raises(ValueError, match=r"one of ct, mr-t1, mr-t2.*'pet'"):
        made("pet")


def test_all_kinds_show_one_patient(scans: dict[str, PhantomScan]) -> None:
    shown = {kind: scan.landmarks for kind, scan in scans.items()}
    assert shown["mr-t1"].names == shown["mr-t2"].names
    assert np.allclose(shown["mr-t1"].points_mm, shown["mr-t2"].points_mm)
    both = [name for name in shown["ct"].names if name in shown["mr-t1"]]
    assert len(both) >= 5
    assert np.allclose([shown["ct"].point(n) for n in both], [shown["mr-t1"].point(n) for n in both])
    assert np.array_equal(scans["mr-t1"].label_map.voxels, scans["mr-t2"].label_map.voxels)


def test_fluid_is_bright_in_t2_and_dark_in_t1(scans: dict[str, PhantomScan]) -> None:
    brighter = {kind: mean_of(scans[kind], "csf") / mean_of(scans[kind], "vertebra marrow") for kind in KINDS}
    assert brighter["mr-t2"] > 1.5 and brighter["mr-t1"] < 0.6 * brighter["mr-t2"]
    for kind in KINDS:
        assert mean_of(scans[kind], "vertebra marrow") > 2 * mean_of(scans[kind], "air")


@pytest.mark.parametrize("kind", KINDS)
def test_a_scan_is_a_sagittal_slab_of_plain_numbers(scans: dict[str, PhantomScan], kind: str) -> None:
    volume = scans[kind].volume
    extent = np.array(volume.grid.shape) * volume.grid.spacing_mm
    assert volume.voxels.dtype == np.int16 and volume.voxels.min() >= 0 and volume.voxels.max() > 100
    assert 45 < extent[0] < 140 and extent[1] > 95 and extent[2] > 110
    assert scans[kind].label_map.grid is volume.grid or scans[kind].label_map.grid.same_as(volume.grid)


def test_slices_are_three_to_nine_millimetres_thick_and_pixels_about_one() -> None:
    axes = []
    for seed in range(40):
        slices = draw_mr_slices(np.random.default_rng(seed))
        axes.append(slices.axis)
        along, *pixel = slices.spacing[slices.axis], *np.delete(slices.spacing, slices.axis)
        assert 3.0 <= along < 11.3 and 0.79 < slices.overlap <= 1
        assert 0.6 <= pixel[0] == pixel[1] <= 1.1
    assert axes.count(0) > 25 and set(axes) == {0, 1, 2}


def test_scales_are_arbitrary() -> None:
    brightest = [np.quantile(made("mr-t2", seed, (6, 5, 5)).volume.voxels, 0.99) for seed in range(4)]
    assert max(brightest) > 1.5 * min(brightest)


def test_the_same_seed_gives_the_same_scan_in_any_storage() -> None:
    one, other = made("mr-t2", axcodes="RAS"), made("mr-t2", axcodes="PIL")
    assert np.array_equal(one.volume.voxels, other.volume.reoriented("RAS").voxels)
    assert np.array_equal(one.label_map.voxels, other.label_map.reoriented("RAS").voxels)


def test_discs_lie_between_bodies_and_the_canal_behind_them(scans: dict[str, PhantomScan]) -> None:
    scan = scans["mr-t2"]
    found = structures_of(scan.label_map, "verse", scan.tissues, TISSUES)
    middle = {code: np.argwhere(found.voxels == code).mean(axis=0) for code in (1, 2, 3)}
    assert all((found.voxels == code).sum() > 200 for code in middle)
    assert middle[3][1] < middle[2][1], "the canal lies behind the discs"


def test_kinds_are_requested_in_the_text() -> None:
    (case,) = find_cases(Path("phantom:1:mr-t2:lumbar:seed=4"))
    assert (case.case_id, case.patient, case.modality) == ("phantom-4-000000-lumbar-mr-t2", "phantom-4-000000", "MR")
    assert requested_phantoms("phantom:1:mr-t1", 2) == [PhantomRequest(2, 0, None, "mr-t1")]
    assert [each.kind for each in requested_phantoms("phantom:6:any", 2)] == ["ct", *KINDS, "ct"]
    assert [each.kind for each in requested_phantoms("phantom:5:mr", 2)] == [*KINDS, "mr-t1"]
    scan = load_scan(case, tissues=True, spacing_mm=(5, 4, 4), axcodes="RAS")
    assert scan.label_map is not None and scan.tissues is not None and scan.volume.voxels.min() >= 0


@pytest.mark.parametrize(("labels", "most"), [("verse", 28), ("spider", 225)])
def test_a_data_set_says_what_it_holds(tmp_path: Path, labels: str, most: int) -> None:
    write_phantoms(tmp_path, 1, seed=2, workers=1, region="slab", kind="mr-t2", labels=labels)
    (case,) = read_manifest(tmp_path / "manifest.csv")
    assert (case.modality, case.label_code) == ("MR", labels)
    label_map = load_scan(case).label_map
    assert label_map is not None and 0 < label_map.voxels.max() <= most
    if labels == "spider":
        assert {100} <= set(np.unique(label_map.voxels).tolist()) and structures_of(
            label_map, "spider"
        ).voxels.max() == 3


@pytest.mark.parametrize("wrong", [{"kind": "mr-pd"}, {"labels": "csi2014"}])
def test_a_data_set_of_no_known_kind_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="Received"):
        write_phantoms(tmp_path / "new", 1, seed=1, **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("loops", [True, False])
def test_a_surface_coil_is_bright_behind_and_dark_in_front(loops: bool) -> None:
    rng = np.random.default_rng(3)
    spine = draw_spine(rng)
    torso = draw_torso(spine, rng)
    canvas = Canvas((4, 60, 20), (10, 4, 10), spine["L3"].frame.origin - (20, 120, 100))
    coil = replace(draw_coil(rng), reach_mm=50.0, loops=loops, front=0.0, wave=0.0)
    seen = sensitivity(canvas, spine, torso, coil)[2, :, 10]
    assert seen.max() > 5 * seen[-1] and np.argmax(seen) < 30 and (seen > 0).all()
    even = sensitivity(canvas, spine, torso, replace(coil, reach_mm=None, width_mm=1e6))
    assert even.max() < 1.1 * even.min()


def test_thick_slices_blur_across_themselves_alone_and_keep_the_mean() -> None:
    image = np.zeros((40, 6, 6), np.float32)
    image[20:] = 1
    assert through_thick_slices(image, 1.0, 0, 1.0, 1.0) is image
    blurred = through_thick_slices(image, 1.0, 0, 8.0, 6.0)
    assert blurred.shape == image.shape and np.allclose(blurred, blurred[:, :1, :1])
    assert blurred.mean() == pytest.approx(0.5, abs=0.02) and ((blurred > 0.05) & (blurred < 0.95)).any()
    assert np.allclose(through_thick_slices(image, 1.0, 2, 3.0, 2.0), image, atol=1e-6)


def test_what_leaves_one_edge_of_the_field_wraps_to_the_other() -> None:
    image = np.zeros((4, 40, 8), np.float32)
    image[:, -3:] = 1
    artefacts = replace(
        draw_mr_artefacts(np.random.default_rng(1)), phase=1, wrap_mm=5.0, wrapped=0.5, ghosts=0.0, empty_mm=0.0
    )
    wrapped = distort(image.copy(), np.ones(3), artefacts, 10.0)
    assert wrapped[:, :5].max() > 0.1 and np.array_equal(wrapped[:, 5:], image[:, 5:])
    ghosts = distort(image.copy(), np.ones(3), replace(artefacts, wrapped=0.0, ghosts=0.1, ghost_mm=10.0), 0.5)
    assert ghosts[:, -13:-10].min() > 0 and np.array_equal(ghosts[:, 20:24], image[:, 20:24])
