"""The threshold of masks is that of the highest Dice on the validation samples."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.training.mask_threshold import THRESHOLDS, dice_by_threshold


def test_dice_of_each_threshold_by_hand() -> None:
    probability = np.array([0.9, 0.35, 0.3, 0.05])
    true = np.array([True, True, False, False])
    rows = dict(zip(THRESHOLDS, dice_by_threshold(probability, true), strict=True))
    assert rows[0.2] == pytest.approx(2 * 2 / (3 + 2))
    assert rows[0.35] == pytest.approx(1.0)
    assert rows[0.5] == pytest.approx(2 * 1 / (1 + 2))


def test_nothing_true_and_nothing_found_is_no_division_by_zero() -> None:
    assert dice_by_threshold(np.zeros(4), np.zeros(4, bool)) == [0.0] * len(THRESHOLDS)
