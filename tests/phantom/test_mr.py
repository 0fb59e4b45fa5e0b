"""Phantoms in MR: the same patient as in CT, contrasts as sequences give them, thick sagittal slices, any scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from utility_functions.anatomy.structures import structures_of
from utility_functions.files.cases import load_scan
from utility_functions.files.manifest import find_cases, read_manifest
from utility_functions.files.phantom_dataset import write_phantoms
from utility_functions.phantom.field_of_view import draw_sagittal
from utility_functions.phantom.phantom_request import PhantomRequest, requested_phantoms
from utility_functions.phantom.resonance import FAT, KINDS, WATER, SpinEcho, draw_sequence, draw_signals
from utility_functions.phantom.scanner import PhantomScan, make_phantom
from utility_functions.phantom.tissue import TISSUE_CODES, TISSUES

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
        (SpinEcho(1.5, 500, 10, 0, True), 0.5 * (1 - np.exp(-0.5)) * np.exp(-0.2)),
        (SpinEcho(1.5, 4000, 100, 0, True), 0.5 * (1 - np.exp(-4)) * np.exp(-2)),
        (SpinEcho(1.5, 1e9, 0, 0, True), 0.5),
    ],
)
def test_a_signal_is_that_of_a_spin_echo(sequence: SpinEcho, signal: float) -> None:
    assert sequence.signal(0.5, 1000, 50) == pytest.approx(signal)


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
    with pytest.raises(ValueError, match=r"one of mr-t1, mr-t2.*'mr-pd'"):
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
    assert mean_of(scans["mr-t2"], "csf") > 1.5 * mean_of(scans["mr-t2"], "vertebra marrow")
    assert mean_of(scans["mr-t1"], "csf") < 0.9 * mean_of(scans["mr-t1"], "vertebra marrow")
    for kind in KINDS:
        assert mean_of(scans[kind], "vertebra marrow") > 2 * mean_of(scans[kind], "air")


@pytest.mark.parametrize("kind", KINDS)
def test_a_scan_is_a_sagittal_slab_of_plain_numbers(scans: dict[str, PhantomScan], kind: str) -> None:
    volume = scans[kind].volume
    extent = np.array(volume.grid.shape) * volume.grid.spacing_mm
    assert volume.voxels.dtype == np.int16 and volume.voxels.min() >= 0 and volume.voxels.max() > 100
    assert 45 < extent[0] < 140 and extent[1] > 95 and extent[2] > 110
    assert scans[kind].label_map.grid is volume.grid or scans[kind].label_map.grid.same_as(volume.grid)


def test_slices_are_three_to_six_millimetres_thick_and_pixels_below_one() -> None:
    for seed in range(20):
        slices = draw_sagittal(np.random.default_rng(seed))
        assert slices.axis == 0 and 3.0 <= slices.spacing[0] < 5.8 and 0.85 < slices.overlap <= 1
        assert 0.6 <= slices.spacing[1] == slices.spacing[2] <= 1.0


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
    assert [each.kind for each in requested_phantoms("phantom:4:any", 2)] == ["ct", "mr-t1", "mr-t2", "ct"]
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
