"""Losses and training metrics by tables of known numbers."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from losses_and_metrics.dense_losses import (
    ClassDice,
    ClassRecall,
    DiceCrossentropy,
    LabelledCrossentropy,
    LabelledError,
    LevelAccuracy,
    VoxelAccuracy,
    WeightedCrossentropy,
)

TRUE = np.array([[0, 1, 1, 0]], np.uint8)


def probabilities(of_one: list[float]) -> np.ndarray:
    one = np.array([of_one], np.float32)
    return np.stack([1 - one, one], axis=-1)


@pytest.mark.parametrize(
    ("of_one", "expected"),
    [
        ([0.0, 1.0, 1.0, 0.0], 0.0),
        ([0.5, 0.5, 0.5, 0.5], math.log(2) * (0.1 + 0.9) / 2),
        ([0.5, 1.0, 1.0, 0.0], 0.1 * math.log(2) / 4),
        ([0.0, 0.5, 1.0, 0.0], 0.9 * math.log(2) / 4),
        ([1.0, 1.0, 1.0, 0.0], 0.1 * -math.log(1e-7) / 4),  # never infinite
    ],
)
def test_weighted_crossentropy(of_one, expected) -> None:
    loss = WeightedCrossentropy((0.1, 0.9))
    assert float(loss(TRUE, probabilities(of_one))) == pytest.approx(expected, abs=1e-6)


def test_class_numbers_and_one_hot_targets_give_the_same_loss() -> None:
    loss = WeightedCrossentropy()
    predicted = probabilities([0.2, 0.7, 0.4, 0.1])
    expected = float(loss(TRUE, predicted))
    assert float(loss(TRUE[..., None], predicted)) == pytest.approx(expected)
    assert float(loss(np.eye(2)[TRUE], predicted)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("of_one", "expected"),
    [
        ([0.0, 1.0, 1.0, 0.0], 0.0),
        ([0.5, 0.5, 0.5, 0.5], math.log(2) + 1 - 3 / 5),  # Dice: (2 * 1 + 1) / (2 + 2 + 1)
        ([1.0, 0.0, 0.0, 1.0], -math.log(1e-7) + 1 - 1 / 5),
    ],
)
def test_dice_crossentropy(of_one, expected) -> None:
    assert float(DiceCrossentropy()(TRUE, probabilities(of_one))) == pytest.approx(expected, abs=1e-5)


def test_dice_crossentropy_is_zero_where_no_class_is_there_and_none_is_predicted() -> None:
    assert float(DiceCrossentropy()(0 * TRUE, probabilities([0.0] * 4))) == pytest.approx(0, abs=1e-6)


def test_dice_of_present_classes_ignores_absent_ones() -> None:
    suspected = np.array([[[0.1, 0.6, 0.3], [0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.9, 0.05, 0.05]]])
    truth = np.array([[1, 0, 1, 0]])  # class 2 is absent
    crossentropy = -np.log(np.take_along_axis(suspected, truth[..., None], -1)).mean()
    missing = 1 - (2 * 1.1 + 1) / (2 + suspected[..., 1].sum() + 1)
    found = DiceCrossentropy(present_only=True)(truth, suspected.astype("float32"))
    assert float(found) == pytest.approx(crossentropy + missing, abs=1e-5)
    assert float(DiceCrossentropy()(truth, suspected.astype("float32"))) > float(found)


def test_dice_of_present_classes_without_any_is_crossentropy() -> None:
    loss = DiceCrossentropy(present_only=True)
    answers = np.array([[[0.8, 0.2], [0.6, 0.4]]], "float32")
    assert float(loss(np.zeros((1, 2), int), answers)) == pytest.approx(-np.log([0.8, 0.6]).mean(), abs=1e-5)
    assert keras.losses.deserialize(keras.losses.serialize(loss)).get_config() == loss.get_config()


@pytest.mark.parametrize("weights", [(-1.0, 2.0), (0.0, 0.0), (math.nan, 1.0), (1.0, math.inf)])
def test_class_weights_must_make_sense(weights) -> None:
    with pytest.raises(ValueError, match="Received"):
        WeightedCrossentropy(weights)


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        ([0, 20, 21, 0], [5.0, 20.0, 21.0, 9.0], 0.0),  # unlabelled voxels do not count
        ([0, 20, 21, 0], [5.0, 18.0, 22.0, 9.0], 1.5),
        ([0, 0, 0, 0], [5.0, 18.0, 22.0, 9.0], 0.0),  # without labels the loss is 0, not NaN
        ([1, 0, 0, 0], [0.0, 0.0, 0.0, 0.0], 1.0),
    ],
)
def test_labelled_error(true, predicted, expected) -> None:
    loss = LabelledError()
    found = loss(np.array([true], np.uint8), np.array([predicted], np.float32)[..., None])
    assert float(found) == pytest.approx(expected)


def test_labelled_error_counts_pixels_and_not_samples() -> None:
    true = np.array([[20, 20, 20, 20], [20, 0, 0, 0]], np.uint8)
    predicted = np.array([[21.0] * 4, [26.0] * 4], np.float32)[..., None]
    assert float(LabelledError()(true, predicted)) == pytest.approx((4 * 1 + 6) / 5)


SHARES = np.array([[[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]], np.float32)


@pytest.mark.parametrize(
    ("true", "expected"),
    [
        ([1, 2, 0, 0], -(math.log(0.7) + math.log(0.5)) / 2),  # unlabelled voxels do not count
        ([0, 0, 3, 0], 0.0),
        ([0, 0, 0, 0], 0.0),  # without labels the loss is 0, not NaN
        ([0, 0, 1, 0], -math.log(1e-7)),  # never infinite
    ],
)
@pytest.mark.parametrize("axis", [False, True])
def test_labelled_crossentropy(true, expected, axis) -> None:
    truth = np.array([true], np.uint8)
    found = LabelledCrossentropy()(truth[..., None] if axis else truth, SHARES)
    assert float(found) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_level_accuracy_of_class_probabilities_counts_the_likeliest_level() -> None:
    metric = LevelAccuracy()
    metric.update_state(np.array([[1, 3, 3, 0]], np.uint8), SHARES)
    assert float(metric.result()) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("of_one", "dice", "recall_one", "recall_zero"),
    [
        ([0.0, 1.0, 1.0, 0.0], 1.0, 1.0, 1.0),
        ([0.9, 0.6, 0.2, 0.0], 0.5, 0.5, 0.5),
        ([0.0, 0.0, 0.0, 0.0], 0.0, 0.0, 1.0),
    ],
)
def test_dice_and_recall(of_one, dice, recall_one, recall_zero) -> None:
    predicted = probabilities(of_one)
    for metric, expected in ((ClassDice(1), dice), (ClassRecall(1), recall_one), (ClassRecall(0), recall_zero)):
        metric.update_state(TRUE, predicted)
        assert float(metric.result()) == pytest.approx(expected)


def test_dice_sums_over_the_whole_epoch() -> None:
    metric = ClassDice(1)
    metric.update_state(TRUE, probabilities([0, 1, 1, 0]))
    metric.update_state(TRUE, probabilities([0, 0, 0, 0]))
    assert float(metric.result()) == pytest.approx(2 * 2 / (4 + 2))
    metric.reset_state()
    assert math.isnan(float(metric.result()))


def test_dice_of_an_empty_class_is_undefined_and_not_zero() -> None:
    metric = ClassDice(1)
    metric.update_state(np.zeros((1, 4), np.uint8), probabilities([0, 0, 0, 0]))
    assert math.isnan(float(metric.result()))


def test_level_accuracy_counts_rounded_labelled_pixels() -> None:
    metric = LevelAccuracy()
    metric.update_state(
        np.array([[0, 20, 21, 22]], np.uint8), np.array([[7.0, 20.4, 21.6, 21.6]], np.float32)[..., None]
    )
    assert float(metric.result()) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "thing",
    [WeightedCrossentropy((0.3, 0.7)), LabelledError(), LabelledCrossentropy(), ClassDice(0), LevelAccuracy()],
)
def test_each_can_be_saved_and_made_again(thing) -> None:
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(thing))
    assert type(again) is type(thing) and again.get_config() == thing.get_config()


@pytest.mark.parametrize(
    "loss", [WeightedCrossentropy(), DiceCrossentropy(), DiceCrossentropy(present_only=True), LabelledCrossentropy()]
)
def test_a_sample_of_weight_0_is_as_good_as_absent(loss: keras.losses.Loss) -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, (4, 5, 6)).astype("uint8")
    raw = rng.uniform(0.1, 1, (4, 5, 6, 2))
    predicted = (raw / raw.sum(axis=-1, keepdims=True)).astype("float32")
    weights = np.array([1, 1, 0, 0], "float32")
    assert float(loss(truth, predicted, weights)) == pytest.approx(float(loss(truth[:2], predicted[:2])), rel=1e-5)
    for metric in (ClassDice(1), ClassRecall(0), VoxelAccuracy(), LevelAccuracy()):
        metric.update_state(truth, predicted, sample_weight=weights)
        counted = float(metric.result())
        metric.reset_state()
        metric.update_state(truth[:2], predicted[:2])
        assert counted == pytest.approx(float(metric.result()))
