"""Loss and metrics of heatmaps by known values, with absent and unknown landmarks and trainable sigmas."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from keras_models.spatial_configuration_net import with_sigmas
from losses_and_metrics.landmark_heatmap_loss import (
    ABSENT,
    PRESENT,
    UNKNOWN,
    HeatmapLoss,
    LandmarkDistance,
    LandmarksFound,
    gaussians,
)

SHAPE = (5, 6, 7)


def plainly(point: tuple[float, float, float], sigma: float) -> np.ndarray:
    """The Gaussian voxel by voxel."""
    x, y, z = np.indices(SHAPE)
    squared = (x - point[0]) ** 2 + (y - point[1]) ** 2 + (z - point[2]) ** 2
    return np.exp(-squared / (2 * sigma**2))


def true(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array([rows], np.float32)


def value(loss: HeatmapLoss, y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(loss(y_true, y_pred.astype(np.float32)))


def test_gaussians_are_those_made_voxel_by_voxel() -> None:
    points = np.array([[[2.0, 2.5, 3.25], [0.0, -1.0, 8.0]]], np.float32)
    made = np.asarray(gaussians(points, np.array([1.5, 2.0], np.float32), SHAPE))
    assert made.shape == (1, *SHAPE, 2)
    np.testing.assert_allclose(made[0, ..., 0], plainly((2.0, 2.5, 3.25), 1.5), atol=1e-6)
    np.testing.assert_allclose(made[0, ..., 1], plainly((0.0, -1.0, 8.0), 2.0), atol=1e-6)


G = plainly((2, 2, 3), 1.5)
NOTHING = np.zeros(SHAPE)


@pytest.mark.parametrize(
    ("rows", "heatmap", "expected"),
    [
        ([(2, 2, 3, PRESENT)], G, 0.0),
        ([(2, 2, 3, PRESENT)], NOTHING, 0.5 * (G**2).sum()),
        ([(2, 2, 3, PRESENT)], G + 1, 0.5 * G.size),
        ([(2, 2, 3, ABSENT)], G, 0.5 * (G**2).sum()),
        ([(2, 2, 3, ABSENT)], NOTHING, 0.0),
        ([(2, 2, 3, UNKNOWN)], G + 5, 0.0),
    ],
)
def test_half_the_squared_difference_is_summed_over_judged_voxels(
    rows: list[tuple[float, float, float, float]], heatmap: np.ndarray, expected: float
) -> None:
    loss = HeatmapLoss(1.5, penalty=0.0)
    assert value(loss, true(*rows), heatmap[None, ..., None]) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_the_widths_of_landmarks_in_view_alone_are_penalised() -> None:
    rows = true((2, 2, 3, PRESENT), (0, 0, 0, ABSENT), (0, 0, 0, UNKNOWN))
    heatmap = np.stack([G, NOTHING, NOTHING], axis=-1)[None]
    assert value(HeatmapLoss(1.5, penalty=100.0), rows, heatmap) == pytest.approx(0.5 * 100 * 1.5**2, rel=1e-5)


def test_the_loss_is_the_mean_over_the_batch() -> None:
    rows = np.concatenate([true((2, 2, 3, PRESENT)), true((2, 2, 3, UNKNOWN))])
    assert value(HeatmapLoss(1.5, 0.0), rows, np.zeros((2, *SHAPE, 1))) == pytest.approx(0.25 * (G**2).sum(), rel=1e-5)


def test_with_a_scale_narrow_targets_have_high_peaks() -> None:
    rows, nothing = true((2, 2, 3, PRESENT)), np.zeros((1, *SHAPE, 1))
    height = 1000 / (4.0 * math.sqrt(2 * math.pi)) ** 3
    assert height == pytest.approx(1.0, abs=0.01), "of the published scale and sigma"
    loss = HeatmapLoss(1.5, 0.0, scale=10.0)
    expected = 0.5 * ((10 / (1.5 * math.sqrt(2 * math.pi)) ** 3) * G) ** 2
    assert value(loss, rows, nothing) == pytest.approx(expected.sum(), rel=1e-5)


@pytest.mark.parametrize("scale", [0.0, 50.0])
@pytest.mark.parametrize("landmarks", [1, 3])
def test_as_a_mean_a_zero_output_has_loss_1(landmarks: int, scale: float) -> None:
    rows = true(*[(15.2, 15.0, 15.4, PRESENT)] * landmarks, (0, 0, 0, ABSENT))
    loss = HeatmapLoss(2.0, scale=scale, form="mean")
    assert value(loss, rows, np.zeros((1, 32, 32, 32, landmarks + 1))) == pytest.approx(1.0, rel=1e-3)


def test_a_patch_without_landmarks_has_a_finite_loss() -> None:
    rows = true((0, 0, 0, ABSENT))
    loss = HeatmapLoss(1.5, form="mean")
    assert value(loss, rows, np.zeros((1, *SHAPE, 1))) == 0
    assert math.isfinite(value(loss, rows, np.ones((1, *SHAPE, 1))))


def test_sigmas_of_the_network_are_trained_by_its_optimiser_and_saved_with_it(tmp_path: object) -> None:
    image = keras.Input((*SHAPE, 1))
    heatmap = keras.layers.Conv3D(2, 1)(image)
    network = keras.Model(image, with_sigmas(heatmap, 2.0))
    loss = HeatmapLoss(2.0, penalty=100.0, scale=100.0)
    network.compile(keras.optimizers.Adam(0.1), loss)
    loss.bind(network)
    rows = true((2, 2, 3, PRESENT), (0, 0, 0, UNKNOWN))
    network.train_on_batch(np.zeros((1, *SHAPE, 1)), rows)
    sigmas = np.asarray(network.get_layer("landmark_sigmas").alpha)
    assert sigmas[0] < 2.0, "reduced by its penalty"
    assert sigmas[1] == 2.0, "not in view"
    path = f"{tmp_path}/network.keras"
    network.save(path)
    again = keras.saving.load_model(path)
    again.loss.bind(again)
    np.testing.assert_array_equal(np.asarray(again.get_layer("landmark_sigmas").alpha), sigmas)
    expected = 0.5 * 100 * sigmas[0] ** 2
    heatmap = np.asarray(gaussians(rows[..., :3], sigmas, SHAPE)) * 100 / (sigmas * math.sqrt(2 * math.pi)) ** 3
    assert value(again.loss, rows, heatmap) == pytest.approx(float(expected), rel=1e-4)


def test_metrics_report_distances_in_mm_and_fractions_of_found_maxima() -> None:
    heatmap = np.zeros((1, *SHAPE, 3), np.float32)
    heatmap[0, 1, 2, 3, 0] = heatmap[0, 4, 5, 6, 1] = heatmap[0, 0, 0, 0, 2] = 1.0
    rows = true((1, 2, 4, PRESENT), (4, 0, 6, PRESENT), (3, 3, 3, ABSENT))
    distance, found = LandmarkDistance(spacing_mm=(1, 2, 3)), LandmarksFound(5.0, spacing_mm=(1, 2, 3))
    for metric in (distance, found):
        assert np.isnan(float(metric.result()))
        metric.update_state(rows, heatmap)
    assert float(distance.result()) == pytest.approx((3 + 10) / 2)
    assert float(found.result()) == 0.5
    again = LandmarksFound.from_config(found.get_config())
    assert (again.limit_mm, again.spacing_mm) == (5.0, (1.0, 2.0, 3.0))


@pytest.mark.parametrize("wrong", [{"sigma": 0}, {"penalty": -1}, {"scale": float("inf")}, {"form": "median"}])
def test_invalid_loss_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Received: "):
        HeatmapLoss(**wrong)  # type: ignore[arg-type]


def test_heatmap_outputs_do_not_depend_on_sigmas() -> None:
    maps = keras.Input((None, None, None, 2))
    network = keras.Model(maps, with_sigmas(maps, 3.0))
    given = np.random.default_rng(1).normal(size=(2, 3, 4, 5, 2)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(network(given)), given)
    with pytest.raises(ValueError, match="above 0"):
        with_sigmas(maps, 0.0)
