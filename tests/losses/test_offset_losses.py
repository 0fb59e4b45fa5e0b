"""The loss and metrics of centre offsets: known numbers, and voxels without an offset do not count."""

from __future__ import annotations

import numpy as np
import pytest

from losses_and_metrics.offset_losses import OffsetDistance, OffsetLoss, OffsetsWithin


def offsets(*rows: tuple[float, float, float, float]) -> np.ndarray:
    """True offsets (1, voxels, 1, 1, 4): three in cm, then whether there is one."""
    return np.array(rows, np.float32).reshape(1, -1, 1, 1, 4)


def predicted(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(1, -1, 1, 1, 3)


@pytest.mark.parametrize(
    ("true", "found", "loss"),
    [
        (offsets((1, 2, 3, 1)), predicted((1, 2, 3)), 0.0),
        (offsets((0, 0, 0, 1)), predicted((0.5, 0, 0)), 0.125),  # below 1 cm half the square
        (offsets((0, 0, 0, 1)), predicted((3, 0, 0)), 2.5),  # above it the distance less one half
        (offsets((0, 0, 0, 1), (0, 0, 0, 1)), predicted((3, 0, 0), (0, 0, 0)), 1.25),
        (offsets((0, 0, 0, 1), (0, 0, 0, 0)), predicted((3, 0, 0), (9, 9, 9)), 2.5),
        (offsets((0, 0, 0, 0)), predicted((9, 9, 9)), 0.0),
    ],
)
def test_the_loss_of_known_offsets(true, found, loss) -> None:
    assert float(OffsetLoss()(true, found)) == pytest.approx(loss, abs=1e-6)
    assert float(OffsetLoss(weight=0.5)(true, found)) == pytest.approx(loss / 2, abs=1e-6)


def test_the_distance_is_in_mm_over_voxels_with_an_offset() -> None:
    metric = OffsetDistance()
    metric.update_state(offsets((0, 0, 0, 1), (0, 0, 0, 0)), predicted((0.3, 0.4, 0), (9, 9, 9)))
    assert float(metric.result()) == pytest.approx(5.0)


def test_the_fraction_near_the_centre() -> None:
    metric = OffsetsWithin(limit_mm=8.0)
    metric.update_state(offsets((0, 0, 0, 1), (0, 0, 0, 1)), predicted((0.7, 0, 0), (0.9, 0, 0)))
    assert float(metric.result()) == pytest.approx(0.5)
    assert OffsetsWithin.from_config(metric.get_config()).limit_mm == 8.0


def test_samples_of_weight_0_count_neither_in_the_loss_nor_in_the_metrics() -> None:
    """They fill up the shares of several devices."""
    true = np.concatenate([offsets((0, 0, 0, 1)), offsets((0, 0, 0, 1))])
    found = np.concatenate([predicted((3, 0, 0)), predicted((9, 9, 9))])
    weights = np.array([1.0, 0.0], np.float32)
    assert float(OffsetLoss()(true, found, weights)) == pytest.approx(2.5)
    for metric, expected in ((OffsetDistance(), 30.0), (OffsetsWithin(limit_mm=40.0), 1.0)):
        metric.update_state(true, found, sample_weight=weights)
        assert float(metric.result()) == pytest.approx(expected)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_a_weight_is_a_number_above_0(weight: float) -> None:
    with pytest.raises(ValueError, match="weight of the offsets"):
        OffsetLoss(weight=weight)
