"""Losses and metrics of the spine heatmap, by tables of values computed by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from losses_and_metrics.spine_heatmap_loss import AboveThresholdDice, HeatDistance, HeatDivergence, HeatError

LN2 = float(np.log(2))


def truth(heatmap: list[float], judged: list[float] | None = None) -> np.ndarray:
    return np.stack([heatmap, [1.0] * len(heatmap) if judged is None else judged], axis=-1).astype(np.float32)[None]


def prediction(values: list[float]) -> np.ndarray:
    return np.array(values, np.float32)[None, :, None]


@pytest.mark.parametrize(
    ("heatmap", "judged", "predicted", "expected"),
    [
        ([0, 0.5, 1], None, [0, 0.5, 1], 0),
        ([0, 1], None, [1, 0], 1),
        ([0, 1, 1], [1, 1, 0], [0.5, 1, 0], 0.125),
        ([0, 1], [0, 0], [1, 0], 0),
        ([0, 0], None, [-0.5, 0.5], 0.25),
    ],
)
def test_squared_errors(
    heatmap: list[float], judged: list[float] | None, predicted: list[float], expected: float
) -> None:
    assert float(HeatError()(truth(heatmap, judged), prediction(predicted))) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("heatmap", "judged", "predicted", "expected"),
    [
        ([0, 1], None, [0, 1], 0),
        ([1, 0], None, [0.5, 0.5], LN2 + 1 - (2 * 0.5 + 1) / (1 + 1 + 1)),
        ([1, 0, 1], [1, 1, 0], [0.5, 0.5, 0], LN2 + 1 - (2 * 0.5 + 1) / (1 + 1 + 1)),
        ([1, 0], [0, 0], [0, 1], 0),
        ([0.5], None, [0.5], 1 - (2 * 0.25 + 1) / (0.5 + 0.5 + 1)),
    ],
)
def test_divergence_with_dice(
    heatmap: list[float], judged: list[float] | None, predicted: list[float], expected: float
) -> None:
    assert float(HeatDivergence()(truth(heatmap, judged), prediction(predicted))) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("loss", [HeatError(), HeatDivergence()])
def test_the_worst_output_has_a_large_finite_loss(loss: keras.losses.Loss) -> None:
    value = float(loss(truth([0, 1]), prediction([1, 0])))
    assert np.isfinite(value) and value >= 1


@pytest.mark.parametrize("loss", [HeatError(), HeatDivergence()])
def test_the_loss_of_a_batch_is_the_mean_of_its_samples(loss: keras.losses.Loss) -> None:
    true = [truth([0, 1, 0.5], [1, 1, 0]), truth([1, 1, 0])]
    found = [prediction([0.2, 0.7, 0.5]), prediction([0.9, 0.4, 0.1])]
    both = float(loss(np.concatenate(true), np.concatenate(found)))
    assert both == pytest.approx(np.mean([float(loss(t, p)) for t, p in zip(true, found, strict=True)]), rel=1e-5)


@pytest.mark.parametrize(
    ("heatmap", "judged", "predicted", "dice", "error"),
    [
        ([0, 0.6, 1], None, [0, 0.7, 0.9], 1, 0.2 / 3),
        ([0, 0.6, 1], None, [0.9, 0.7, 0.1], 0.5, 1.9 / 3),
        ([0, 1], [1, 0], [0.2, 0], float("nan"), 0.2),
    ],
)
def test_metrics(
    heatmap: list[float], judged: list[float] | None, predicted: list[float], dice: float, error: float
) -> None:
    for metric, expected in ((AboveThresholdDice(), dice), (HeatDistance(), error)):
        metric.update_state(truth(heatmap, judged), prediction(predicted))
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("part", [HeatError(), HeatDivergence(), AboveThresholdDice(0.3), HeatDistance()])
def test_they_are_made_again_from_their_configuration(part: keras.losses.Loss | keras.metrics.Metric) -> None:
    assert type(part).from_config(part.get_config()).get_config() == part.get_config()
