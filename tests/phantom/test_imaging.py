"""The scanner: kernels preserve means, noise has the requested strength, slices average, corners are empty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from utility_functions.phantom.artefacts import Motion, Shading
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.field_of_view import (
    KEPT_MM,
    VOXEL_BUDGET,
    FieldOfView,
    NotReconstructed,
    Slices,
    draw_slices,
)
from utility_functions.phantom.imaging import Kernel, draw_scanner, image, through_slices
from utility_functions.phantom.noise import Noise
from utility_functions.phantom.posture import draw_spine
from utility_functions.phantom.texture import Texture, between
from utility_functions.phantom.torso import Torso, draw_torso


@pytest.fixture(scope="module")
def torso() -> Torso:
    return draw_torso(draw_spine(np.random.default_rng(0)), np.random.default_rng(0))


@pytest.mark.parametrize("spacing", [0.3, 0.7, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("lift", [0.0, 0.3, 1.0])
def test_a_kernel_keeps_the_mean_and_only_a_sharp_one_overshoots(spacing: float, lift: float) -> None:
    weights = Kernel(0.5, lift).weights(spacing)
    assert weights.size % 2 == 1
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    if weights.size > 1:
        assert (weights.min() < -1e-3) == (lift > 0)


@pytest.mark.parametrize("suppressed", [0.0, 0.6, 0.9])
@pytest.mark.parametrize("spacing", [(0.5, 0.5, 2.0), (1.0, 1.0, 1.0), (3.0, 3.0, 3.0)])
def test_noise_has_the_requested_standard_deviation_for_any_spectrum(
    torso: Torso, spacing: tuple[float, float, float], suppressed: float
) -> None:
    canvas = Canvas((24, 64, 60), spacing, (-10, -30, -30))
    noise = Noise(20.0, 0.5, 1.1, suppressed, 1.0, 0.0)
    planes = np.array(list(noise.planes(canvas, torso, np.random.default_rng(1))))
    assert planes.shape == canvas.shape
    assert (planes / noise.strength(canvas, torso) / noise.sides(canvas, torso)[:, None]).std() == pytest.approx(
        1, rel=0.06
    )


def test_noise_of_a_sharp_kernel_turns_sign_from_pixel_to_pixel_and_not_from_slice_to_slice(torso: Torso) -> None:
    canvas = Canvas((24, 64, 60), 1.0, (-10, -30, -30))
    noise = np.array(list(Noise(20, 0.4, 0.8, 0.9, 1, 0).planes(canvas, torso, np.random.default_rng(1))))
    near = [
        np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel()),
        np.corrcoef(noise[..., 1:].ravel(), noise[..., :-1].ravel()),
    ]
    assert near[0][0, 1] < -0.1
    assert abs(near[1][0, 1]) < 0.05


def test_streaks_appear_at_wide_levels_only(torso: Torso) -> None:
    canvas = Canvas((40, 80, 200), 3.0, (-60, -120, -300))
    quiet, streaked = (
        np.array(list(Noise(1, 0.5, 1, 0.5, 1, hu).planes(canvas, torso, np.random.default_rng(1)))) for hu in (0, 60)
    )
    added = (streaked - quiet).std(axis=(0, 1))
    wide = torso.skin(canvas.axis(2).astype(float))[2]
    assert added[wide > 180].mean() > 2 * added[wide < 140].mean()


def test_overlapping_slices_average_and_take_labels_from_their_middle() -> None:
    canvas = Canvas((4, 4, 30), (1, 1, 1), (0, 0, 0))
    canvas.hu[...] = np.arange(30)
    canvas.labels[...] = np.arange(30)
    through_slices(canvas, 2, 3, 2.0)
    assert canvas.shape == (4, 4, 10)
    assert np.array_equal(canvas.labels[0, 0], np.arange(1, 30, 3))
    assert canvas.hu[0, 0, 2:-2] == pytest.approx(np.arange(1, 30, 3)[2:-2], abs=1e-4)
    assert canvas.origin[2] == 1
    assert canvas.spacing[2] == 3


def test_thick_slices_blur_an_edge_over_their_thickness() -> None:
    canvas = Canvas((4, 4, 40), 1.0, (0, 0, 0))
    canvas.hu[..., 20:] = 1000
    through_slices(canvas, 2, 1, 4.0)
    between_ends = (canvas.hu[0, 0] > -990) & (canvas.hu[0, 0] < 990)
    assert between_ends.sum() == 4


def test_a_moved_slab_carries_its_labels_and_landmarks_along() -> None:
    canvas = Canvas((20, 20, 20), 1.0, (0, 0, 0))
    canvas.labels[8:12, 8:12] = 5
    canvas.hu[8:12, 8:12] = 500
    motion = Motion(np.array([0.5]), np.array([[0.0, 0.0], [0.0, 2.0]]))
    motion.move(canvas)
    assert np.array_equal(np.unique(np.nonzero(canvas.labels[:, :, 3])[1]), np.arange(8, 12))
    assert np.array_equal(np.unique(np.nonzero(canvas.labels[:, :, 15])[1]), np.arange(10, 14))
    assert (canvas.hu[8:12, 10:14, 15] == 500).all()
    assert np.array_equal(motion.at(np.array([0.2, 0.8])), [[0, 0, 0], [0, 2, 0]])


def test_bands_are_dark_between_two_bones_and_absent_beside_one(torso: Torso) -> None:
    for places, dark in (((20, 80), True), ((20,), False)):
        canvas = Canvas((100, 20, 20), 2.0, (-100, -20, -20))
        for place in places:
            canvas.hu[place - 8 : place + 8] = 1200
        middle = Shading(canvas, torso, 20.0, 0.0).plane(50)[8:12, 8:12].mean()
        assert (middle < -5) == dark


def test_slices_drawn_span_fine_and_coarse_voxels_within_the_budget() -> None:
    drawn = [draw_slices(np.random.default_rng(seed)) for seed in range(200)]
    fine, coarse = min(s.spacing.min() for s in drawn), max(s.spacing.max() for s in drawn)
    assert 0.3 <= fine < 0.45
    assert 4 < coarse <= 5
    for slices in drawn[:40]:
        extent = np.array([400.0, 300.0, 700.0])
        spacing = slices.affordable(extent)
        assert (spacing >= slices.spacing).all()
        assert np.prod(extent / spacing) * slices.planes(spacing) <= VOXEL_BUDGET


@pytest.mark.parametrize(
    ("spacing", "planes"), [((1, 1, 1), 1), ((3, 3, 3), 1), ((0.5, 0.5, 3), 3), ((0.4, 0.4, 5), 5)]
)
def test_thick_slices_are_painted_in_an_odd_number_of_planes(spacing: tuple[float, float, float], planes: int) -> None:
    assert Slices(2, 1.0, np.array(spacing)).planes(np.array(spacing, float)) == planes


@pytest.mark.parametrize(("spacing", "overlap"), [(1.0, 3.0), (2.0, 2.5), (4.0, 1.25), (6.0, 1.0)])
def test_slices_are_at_most_5_mm_thick_unless_their_distance_is_larger(spacing: float, overlap: float) -> None:
    assert Slices(2, 3.0, np.ones(3)).overlap_at(np.array([1, 1, spacing])) == overlap


def test_scanners_differ_in_every_setting() -> None:
    drawn = [draw_scanner(np.random.default_rng(seed)) for seed in range(60)]
    assert {scanner.kernel.lift > 0 for scanner in drawn} == {True, False}
    assert {scanner.motion is None for scanner in drawn} == {True, False}
    assert min(s.noise.hu for s in drawn) < 8 < 40 < max(s.noise.hu for s in drawn)
    assert len({s.empty for s in drawn}) >= 3
    assert len({s.highest for s in drawn}) >= 2


def test_grain_repeats_from_left_to_right_and_is_weaker_on_coarse_voxels() -> None:
    fine = Texture((150, 40, 40), np.ones(3), np.random.default_rng(0))
    whole = fine[0:150]
    assert whole.shape == (150, 40, 40)
    assert np.array_equal(fine[90:110, 3:7, 5:9], whole[90:110, 3:7, 5:9])
    assert fine[144:160].shape[0] == 6
    coarse = Texture((50, 30, 30), np.full(3, 3.0), np.random.default_rng(0))
    assert coarse[0:50].std() < 0.85 * whole.std()
    assert whole.std() == pytest.approx(1, abs=0.12)


def test_values_between_samples_are_linear_and_repeat() -> None:
    assert between(np.array([0.0, 10.0, 20.0], np.float32), np.array([0.0, 0.5, 1.25, 2.5]), 0).tolist() == [
        0,
        5,
        12.5,
        10,
    ]


@pytest.mark.parametrize("whole_circle", [True, False])
def test_padding_takes_labels_and_tissues_with_it_and_keeps_clear_of_the_bodies(
    torso: Torso, whole_circle: bool
) -> None:
    centre, padded = np.array([60.0, -40.0, 5.0]), 0
    field = FieldOfView(np.full(3, -150.0), np.full(3, 150.0), whole_circle)
    scanner = replace(draw_scanner(np.random.default_rng(0)), empty=-2000.0, lowest=-1024.0)
    for seed in range(12):
        canvas = Canvas((50, 50, 50), 6.0, (-147, -147, -147))
        canvas.hu[...], canvas.labels[...], canvas.tissues[...] = 40, 20, 3
        emptied = NotReconstructed(canvas, centre[None], field, np.random.default_rng(seed))
        hu = image(canvas, torso, scanner, emptied, np.random.default_rng(0))
        assert np.array_equal(canvas.labels == 0, hu == -2000)
        assert np.array_equal(canvas.tissues == 0, hu == -2000)
        away = np.argwhere(hu == -2000) * 6.0 - 147 - centre
        padded += len(away) > 0
        assert np.linalg.norm(away, axis=1).min(initial=100) > KEPT_MM - 9
    assert 0 < padded < 12
