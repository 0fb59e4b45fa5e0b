"""Pathology has realistic frequencies, and changes spine and image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.phantom import posture
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.discs import disc_frame, paint_discs
from utility_functions.phantom.implants import add_streaks, paint_implants
from utility_functions.phantom.lesions import operated, paint_lesions, tissue_of
from utility_functions.phantom.pathology import Disc, Fracture, Implant, Lesion, Pathology, draw_pathology
from utility_functions.phantom.posture import draw_spine
from utility_functions.phantom.scanner import make_phantom
from utility_functions.phantom.shapes import endplate_body
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.spurs import paint_spurs
from utility_functions.phantom.tissue import TISSUE_CODES, Tissue, draw_tissue
from utility_functions.phantom.variants import USUAL, Variant, draw_variant

DRAWN = 800
Patient = Callable[..., Spine]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Patient:
    """The same spine with a chosen pathology and variant."""

    def drawn(pathology: Pathology, variant: Variant | None = None, seed: int = 0) -> Spine:
        monkeypatch.setattr(posture, "draw_variant", lambda rng: variant or Variant())
        monkeypatch.setattr(posture, "draw_pathology", lambda rng, names, thin: pathology)
        return draw_spine(np.random.default_rng(seed))

    return drawn


@pytest.fixture(scope="module")
def tissue() -> Tissue:
    drawn = draw_tissue(np.random.default_rng(0))
    return replace(drawn, cortex_hu=700.0, marrow_hu=180.0, disc_hu=85.0, grain_hu=10.0, unrealistic=False)


def canvas_round(spine: Spine, name: str, reach: float = 45.0, spacing: float = 1.5) -> Canvas:
    count = int(2 * reach / spacing)
    canvas = Canvas((count, count, count), spacing, spine[name].frame.origin - reach + spacing / 2)
    canvas.hu[:] = 50
    canvas.texture = np.zeros(canvas.shape, np.float32)
    return canvas


def paint_bodies(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Discs and vertebral bodies alone."""
    paint_discs(canvas, spine, tissue)
    paint_spurs(canvas, spine, tissue)
    for vertebra in spine.vertebrae[1:-1]:
        own = tissue_of(spine, vertebra, tissue)
        body = endplate_body(
            vertebra.size.width, vertebra.size.depth, vertebra.height / vertebra.scale, wedge=vertebra.wedge
        )
        found = canvas.distances(vertebra.frame, [body])
        if found is not None:
            canvas.bone(*found, "vertebra", own.cortex_hu, own.marrow_hu, own.cortex_mm, 0.0)
            canvas.label(*found, vertebra.number)
    paint_lesions(canvas, spine, tissue)


def value_at(canvas: Canvas, point: np.ndarray, field: str = "hu") -> float:
    i, j, k = np.rint((point - canvas.origin) / canvas.spacing).astype(int)
    return float(getattr(canvas, field)[i, j, k])


def test_two_patients_of_five_have_a_finding_and_one_of_twenty_has_metal() -> None:
    found: Counter[str] = Counter()
    some = metal = 0
    for seed in range(DRAWN):
        pathology = draw_pathology(np.random.default_rng(seed), USUAL)
        found.update(pathology.findings)
        some += bool(pathology.findings)
        metal += any(implant.kind != "cement" for implant in pathology.implants)
    assert 0.33 < some / DRAWN < 0.46
    assert 0.025 < metal / DRAWN < 0.065
    for kind in ("osteoporosis", "fracture", "bridges", "block", "facets", "lesions", "laminectomy", "sclerosis"):
        assert found[kind] >= 3, kind


def test_sampled_values_stay_in_their_ranges() -> None:
    for seed in range(200):
        pathology = draw_pathology(np.random.default_rng(seed), USUAL)
        for name, fracture in pathology.fractures.items():
            assert name not in ("C1", "C2", "S1")
            assert 0.1 < fracture.loss <= 0.6
        for implant in pathology.implants:
            assert set(implant.levels) <= set(USUAL)
            assert implant.kind != "screws" or 2 <= len(implant.levels) <= 5
        assert all(0 <= disc.loss < 1 for disc in pathology.discs.values())


def test_the_same_seed_gives_the_same_patient() -> None:
    first, second = (draw_spine(np.random.default_rng(7)) for _ in range(2))
    assert first.pathology == second.pathology
    assert np.array_equal(first.centres, second.centres)


@pytest.mark.parametrize(
    ("kind", "front", "middle", "back"),
    [("wedge", 0.5, 0.75, 1.0), ("biconcave", 0.78, 0.5, 0.78), ("crush", 0.5, 0.5, 0.6)],
)
def test_a_fracture_takes_height_where_its_kind_says(
    patient: Patient, kind: str, front: float, middle: float, back: float
) -> None:
    sound = patient(Pathology())["L1"]
    broken = patient(Pathology(fractures={"L1": Fracture(kind, 0.5)}))["L1"]
    for y, expected in ((0.42, front), (0.0, middle), (-0.42, back)):
        heights = []
        for vertebra in (sound, broken):
            size = vertebra.size
            body = endplate_body(
                size.width, size.depth, vertebra.height / vertebra.scale, 0, vertebra.wedge, vertebra.hollow
            )
            z = np.linspace(-25, 25, 1001, dtype=np.float32)
            inside = body.distance(np.zeros(1, np.float32), np.full(1, y * size.depth, np.float32), z) < 0
            heights.append(float(np.ptp(z[inside])) * vertebra.scale)
        assert heights[1] / heights[0] == pytest.approx(expected, abs=0.12)


def test_a_wedge_fracture_bends_the_spine_forward(patient: Patient) -> None:
    sound, broken = (patient(Pathology(fractures=f)) for f in ({}, {"T12": Fracture("wedge", 0.6)}))
    at = sound.names.index("T12")

    def kyphosis(spine: Spine) -> float:
        steps = np.diff(spine.centres, axis=0)
        lean = np.degrees(np.arctan2(steps[:, 1], -steps[:, 2]))
        return float(lean[at + 1] - lean[at - 2])

    assert 5 < kyphosis(broken) - kyphosis(sound) < 25


def test_degenerated_discs_reduce_the_distance_of_bodies(patient: Patient) -> None:
    def gap(disc: Disc) -> float:
        spine = patient(Pathology(discs={"L4": disc}))
        return disc_frame(spine["L4"], spine["L5"])[1]

    assert gap(Disc(loss=0.7)) == pytest.approx(0.3 * gap(Disc()), abs=1.5)


def test_gas_and_bone_replace_discs(patient: Patient, tissue: Tissue) -> None:
    for disc, low, high in (
        (Disc(), 50, 130),
        (Disc(loss=0.3, gas=0.8), -1000, 40),
        (Disc(loss=0.6, fused=True), 150, 800),
    ):
        spine = patient(Pathology(discs={"L3": disc}))
        frame, _ = disc_frame(spine["L3"], spine["L4"])
        canvas = canvas_round(spine, "L3")
        paint_discs(canvas, spine, tissue)
        values = [value_at(canvas, frame.out((x, y, 0))) for x in (-8, -4, 0, 4, 8) for y in (-6, -3, 0, 3, 6)]
        assert low < (min(values) if disc.gas else np.median(values)) < high
        assert (value_at(canvas, frame.out((0, 0, 2.0)), "labels") > 0) == disc.fused


@pytest.mark.parametrize(("kind", "hu", "low", "high"), [("lytic", 40.0, 0, 90), ("blastic", 900.0, 600, 1000)])
def test_lesions_change_the_marrow_and_not_the_label(
    patient: Patient, tissue: Tissue, kind: str, hu: float, low: float, high: float
) -> None:
    spine = patient(Pathology(lesions=(Lesion("L2", kind, (0.0, 0.0, 0.0), 10.0, hu),)))
    canvas = canvas_round(spine, "L2")
    paint_bodies(canvas, spine, tissue)
    centre = spine["L2"].frame.origin
    assert low < value_at(canvas, centre) < high
    assert value_at(canvas, centre, "labels") == spine["L2"].number


def test_osteoporotic_marrow_is_dark_inside_its_cortex(patient: Patient, tissue: Tissue) -> None:
    spine = patient(Pathology(porosity=1.0))
    own = tissue_of(spine, spine["L2"], tissue)
    assert own.marrow_hu < 40
    assert own.cortex_hu > 0.7 * tissue.cortex_hu


def test_a_laminectomy_removes_bone_behind_the_canal(patient: Patient) -> None:
    spine = patient(Pathology(open_arches=("L4",), seed=1))
    vertebra = spine["L4"]
    behind = np.float32(-vertebra.size.depth / 2 - vertebra.size.canal_depth - 4)
    x, y, z = np.zeros(1, np.float32), np.full(1, behind), np.zeros(1, np.float32)
    solid = np.full(1, -3, np.float32)
    cuts = [
        operated(patient(Pathology(open_arches=("L4",), seed=s)), vertebra, solid, x, y, z)[0] > 0 for s in range(8)
    ]
    assert any(cuts)
    assert operated(spine, spine["L3"], solid, x, y, z)[0] == -3


def test_screws_are_bright_and_have_streaks_in_their_slices_alone(patient: Patient) -> None:
    spine = patient(Pathology(implants=(Implant("screws", ("L3", "L4"), 5000.0, 1),), seed=2))
    canvas = canvas_round(spine, "L3", 60, 2.0)
    paint_implants(canvas, spine)
    metal = canvas.tissues == TISSUE_CODES["metal"]
    assert metal.sum() * canvas.spacing.prod() > 2000
    assert canvas.hu[metal].mean() > 2000
    before = canvas.hu.copy()
    add_streaks(canvas, spine)
    changed = np.abs(canvas.hu - before)
    with_metal = metal.any(axis=(0, 1))
    far = np.flatnonzero(~with_metal & ~np.roll(with_metal, 1) & ~np.roll(with_metal, -1))
    beside = changed[:, :, with_metal][~metal[:, :, with_metal]]
    assert changed[:, :, far].max() == 0
    assert 5 < beside.std() < 150
    assert not canvas.labels.any()


@pytest.mark.parametrize("spacing_mm", [4.0, 8.0, 12.0])
def test_streaks_appear_on_coarse_grids(patient: Patient, spacing_mm: float) -> None:
    """The corners of a coarse grid are farther from the metal than the projections reach."""
    spine = patient(Pathology(implants=(Implant("screws", ("L3", "L4"), 5000.0, 1),), seed=2))
    canvas = canvas_round(spine, "L3", 170, spacing_mm)
    paint_implants(canvas, spine)
    before = canvas.hu.copy()
    add_streaks(canvas, spine)
    assert (canvas.hu != before).any()
    assert np.isfinite(canvas.hu).all()


def test_wings_of_a_transitional_vertebra_reach_the_sacrum(patient: Patient, tissue: Tissue) -> None:
    spine = patient(Pathology(), Variant("sacralised L5", USUAL, wings=(1.0, 0.0)))
    canvas = canvas_round(spine, "S1", 70, 2.0)
    paint_spurs(canvas, spine, tissue)
    wing = spine["S1"].frame.out((-38.0, -9.0, 9.0))
    assert value_at(canvas, wing, "labels") == spine["L5"].number
    assert value_at(canvas, spine["S1"].frame.out((38.0, -9.0, 9.0)), "labels") == 0


@pytest.mark.parametrize(
    ("kind", "there", "not_there"), [("L6", "L6", "T13"), ("T13", "T13", "L6"), ("no T12", "T11", "T12")]
)
def test_label_map_and_landmarks_include_variants(
    monkeypatch: pytest.MonkeyPatch, kind: str, there: str, not_there: str
) -> None:
    drawn = (draw_variant(np.random.default_rng(seed)) for seed in range(1000))
    variant = next(variant for variant in drawn if variant.kind == kind)
    monkeypatch.setattr(posture, "draw_variant", lambda rng: variant)
    scan = make_phantom(np.random.default_rng(2), region="whole", spacing_mm=4.0)
    assert there in scan.landmarks.names
    assert not_there not in scan.landmarks.names
    labels = scan.label_map.voxels
    assert (labels == VERSE_IDS[there]).any()
    assert not (labels == VERSE_IDS[not_there]).any()
    first = variant.names.index(scan.landmarks.names[0])
    assert scan.landmarks.names == variant.names[first : first + len(scan.landmarks.names)]
    voxels = np.rint(scan.label_map.grid.to_index(scan.landmarks.points_mm)).astype(int)
    for name, (i, j, k) in zip(scan.landmarks.names, voxels, strict=True):
        assert name == "C1" or labels[i, j, k] == VERSE_IDS[name]  # the landmark of C1 is at the centre of its ring
