"""Losses and metrics of iterative segmentation against values computed by hand."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from losses_and_metrics.iterative_loss import (
    CompletenessAccuracy,
    CompletenessCrossentropy,
    InstanceLoss,
    LevelDistance,
    LevelError,
    MaskDice,
    scheduled,
)


def masks(target: list[float], weight: list[float], predicted: list[float]) -> tuple[np.ndarray, np.ndarray]:
    true = np.stack([target, weight], axis=-1).reshape(1, -1, 1, 1, 2).astype(np.float32)
    return true, np.array(predicted, np.float32).reshape(1, -1, 1, 1, 1)


@pytest.mark.parametrize(
    ("target", "weight", "predicted", "weighing", "expected"),
    [
        ([1, 0], [1, 1], [1, 0], 0.1, 0.0),
        ([1, 0], [1, 1], [0, 1], 0.1, 1.1),
        ([1, 0], [9, 5], [0, 1], 0.1, 9.5),
        ([1, 0], [9, 5], [0.5, 0.5], 0.1, 4.75),
        ([0, 0], [1, 1], [1, 0.5], 0.1, 0.15),
        ([0, 0], [1, 1], [0, 0], 0.1, 0.0),
        ([1, 0], [9, 5], [0, 1], 1.0, 14.0),
        ([1, 0], [0, 0], [0, 1], 0.1, 0.0),
    ],
)
def test_the_published_sums(
    target: list[float], weight: list[float], predicted: list[float], weighing: float, expected: float
) -> None:
    assert float(InstanceLoss(weighing, weighing)(*masks(target, weight, predicted))) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ([1, 0], 0.0),
        ([0, 1], 1.1 / 2 + 1 - 1 / 3),
        ([0.5, 0.5], 0.55 / 2 + 1 - 2 / 3),
    ],
)
def test_the_form_with_dice(predicted: list[float], expected: float) -> None:
    assert float(InstanceLoss(form="dice")(*masks([1, 0], [1, 1], predicted))) == pytest.approx(expected, abs=1e-6)


def test_the_loss_is_the_mean_over_the_batch() -> None:
    first, second = masks([1, 0], [1, 1], [0, 1]), masks([1, 0], [9, 5], [0, 1])
    both = [np.concatenate(parts) for parts in zip(first, second, strict=True)]
    assert float(InstanceLoss()(*both)) == pytest.approx((1.1 + 9.5) / 2)


def test_a_weight_follows_a_sigmoid_over_the_epochs() -> None:
    values = [scheduled(0.1, 1.0, epoch, 11) for epoch in range(11)]
    assert values[0] == pytest.approx(0.1) and values[-1] == pytest.approx(1.0) and values[5] == pytest.approx(0.55)
    steps = np.diff(values)
    assert (steps > 0).all() and steps[4] > 5 * steps[0]
    assert scheduled(0.1, 1.0, 0, 1) == 0.1 and scheduled(0.3, 0.3, 2, 5) == 0.3
    with pytest.raises(ValueError, match="Received: 3 of 3"):
        scheduled(0.1, 1.0, 3, 3)


def test_the_weight_of_an_epoch_reaches_the_loss_and_survives_saving_as_its_two_ends() -> None:
    loss = InstanceLoss(0.1, 1.0)
    wrong = masks([0, 0], [1, 1], [1, 1])
    losses = []
    for epoch in (0, 2, 1, 2):
        loss.begin_epoch(epoch, 3)
        losses.append(float(loss(*wrong)))
    np.testing.assert_allclose(losses, [0.2, 2.0, 1.1, 2.0], rtol=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (again.first, again.last, again.form) == (0.1, 1.0, "sums") and float(again(*wrong)) == pytest.approx(0.2)


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def test_completeness_is_scored_where_it_is_known() -> None:
    loss = CompletenessCrossentropy()
    assert float(loss(column(1, 0, -1), column(0.5, 0.5, 0.9))) == pytest.approx(2 * math.log(2) / 3)
    assert float(loss(column(1, 0), column(1, 0))) == pytest.approx(0, abs=1e-5)
    assert float(loss(column(-1), column(0.3))) == 0
    assert np.isfinite(float(loss(column(1, 0), column(0, 1))))


def test_levels_are_judged_where_they_are_known() -> None:
    true, predicted = column(20, 5, 0), column(18, 5.5, 13)
    assert float(LevelError()(true, predicted)) == pytest.approx(2.5 / 3)
    assert float(LevelError(0.2)(true, predicted)) == pytest.approx(0.5 / 3)
    assert float(LevelError()(column(0), column(7))) == 0
    metric = LevelDistance()
    metric.update_state(true, predicted)
    assert float(metric.result()) == pytest.approx(1.25)


def test_metrics_count_over_an_epoch_and_are_undefined_without_anything_to_count() -> None:
    dice, accuracy, distance = MaskDice(), CompletenessAccuracy(), LevelDistance()
    assert all(math.isnan(float(metric.result())) for metric in (dice, accuracy, distance))
    dice.update_state(*masks([1, 1, 0, 0], [1, 1, 1, 1], [0.9, 0.1, 0.8, 0.2]))
    assert float(dice.result()) == pytest.approx(0.5)
    dice.update_state(*masks([1, 1, 0, 0], [9, 9, 9, 9], [0.9, 0.9, 0.1, 0.2]))
    assert float(dice.result()) == pytest.approx(0.75)
    accuracy.update_state(column(1, 0, -1, 1), column(0.9, 0.6, 0.9, 0.1))
    assert float(accuracy.result()) == pytest.approx(1 / 3)


@pytest.mark.parametrize("options", [{"first": -1}, {"last": math.inf}, {"form": "mean"}])
def test_invalid_loss_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Received"):
        InstanceLoss(**options)
    with pytest.raises(ValueError, match="Received"):
        LevelError(-1)
