"""Loss and Dice of single masks by known numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from losses_and_metrics.mask_loss import BinaryDice, MaskLoss

HALF = math.log(2)


@pytest.mark.parametrize(
    ("true", "predicted", "options", "expected"),
    [
        ([1, 1, 0, 0], [1, 1, 0, 0], {}, 0.0),
        ([0, 0, 0, 0], [0, 0, 0, 0], {}, 0.0),
        ([1, 1, 0, 0], [0.5] * 4, {"crossentropy": 0}, 0.5 * (1 - 3 / 5)),
        ([1, 1, 0, 0], [0.5] * 4, {"dice": 0}, 0.5 * HALF),
        ([1, 1, 0, 0], [0.5] * 4, {}, 0.5 * (1 - 3 / 5) + 0.5 * HALF),
        ([1, 0, 0, 0], [0.5] * 4, {"dice": 0, "crossentropy": 1, "focal": 2}, 0.25 * HALF),
        ([1, 1, 1, 1], [0, 0, 0, 0], {"crossentropy": 0, "dice": 1}, 1 - 1 / 5),
        ([1, 1, 1, 1], [0, 0, 0, 0], {"dice": 0, "crossentropy": 1}, -math.log(1e-7)),
    ],
)
def test_half_dice_and_half_crossentropy(
    true: list[float], predicted: list[float], options: dict[str, float], expected: float
) -> None:
    y_true = np.array(true, np.uint8).reshape(1, 2, 2, 1)
    y_pred = np.array(predicted, np.float32).reshape(1, 2, 2, 1, 1)
    assert float(MaskLoss(**options)(y_true, y_pred)) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_each_sample_has_a_dice_of_its_own() -> None:
    true = np.array([[1, 1, 1, 1], [0, 0, 0, 0]], np.float32)
    predicted = np.array([[1, 1, 1, 1], [1, 1, 1, 1]], np.float32)
    assert float(MaskLoss(1.0, 0.0)(true, predicted)) == pytest.approx((0 + 1 - 1 / 5) / 2, rel=1e-5)


def test_the_dice_of_an_epoch_counts_all_its_voxels() -> None:
    metric = BinaryDice()
    assert np.isnan(float(metric.result()))
    metric.update_state(np.array([[1, 1, 0]]), np.array([[0.9, 0.2, 0.4]])[..., None])
    metric.update_state(np.array([[0, 0, 1]]), np.array([[0.9, 0.2, 0.6]])[..., None])
    assert float(metric.result()) == pytest.approx(2 * 2 / (3 + 3))


def test_a_loss_comes_back_from_its_config_and_refuses_weights_below_zero() -> None:
    again = MaskLoss.from_config(MaskLoss(0.3, 0.7, 2.0).get_config())
    assert (again.dice, again.crossentropy, again.focal) == (0.3, 0.7, 2.0)
    for wrong in ({"dice": -1.0}, {"dice": 0.0, "crossentropy": 0.0}, {"focal": float("nan")}):
        with pytest.raises(ValueError, match="Received: "):
            MaskLoss(**wrong)
