"""Divergences of a student from its teacher: numbers worked out by hand, and what each loss counts of them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from losses_and_metrics.dense import DiceCrossentropy, LabelledCrossentropy, LabelledError, WeightedCrossentropy
from losses_and_metrics.divergences import (
    BinaryDivergence,
    ClassDivergence,
    NumberDifference,
    SquaredDifference,
    divergence_of,
    places_judged,
)
from losses_and_metrics.instances import CompletenessCrossentropy, InstanceLoss, LevelError

KINDS = (ClassDivergence, BinaryDivergence, NumberDifference, SquaredDifference)


def value(kind: type, teacher: list[float], student: list[float], temperature: float = 1.0) -> float:
    """Of one place."""
    return float(kind(temperature)(np.array([teacher], np.float32), np.array([student], np.float32)))


@pytest.mark.parametrize(
    ("kind", "teacher", "student", "temperature", "expected"),
    [
        (ClassDivergence, [0.5, 0.5], [0.9, 0.1], 1, 0.510826),  # (ln 5/9 + ln 5) / 2
        (
            ClassDivergence,
            [0.5, 0.5],
            [0.9, 0.1],
            2,
            0.575364,
        ),  # student softened to 3/4 and 1/4; 4 (ln 2/3 + ln 2) / 2
        (ClassDivergence, [1, 0], [0.5, 0.5], 1, 0.693147),
        (ClassDivergence, [0, 1, 0], [0, 1, 0], 3, 0),
        (ClassDivergence, [0.2, 0.3, 0.5], [0.2, 0.3, 0.5], 0.5, 0),
        (ClassDivergence, [1, 0], [0, 1], 1, 16.118096),  # no further than the smallest probability, ln 1e7
        (BinaryDivergence, [0.5], [0.9], 1, 0.510826),
        (BinaryDivergence, [0.5], [0.9], 2, 0.575364),
        (BinaryDivergence, [0.8], [0.5], 1, 0.192745),
        (BinaryDivergence, [0.8], [0.5], 2, 0.226532),  # teacher softened to 2/3
        (BinaryDivergence, [0.8, 0.5], [0.5, 0.5], 1, 0.096372),
        (BinaryDivergence, [1], [0], 1, 16.118096),
        (BinaryDivergence, [0], [0], 4, 0),
        (NumberDifference, [20], [17.5], 1, 2.5),
        (NumberDifference, [20], [17.5], 9, 2.5),  # nothing to soften
        (NumberDifference, [1, 2], [2, 0], 1, 1.5),
        (SquaredDifference, [1, 2], [2, 0], 7, 2.5),
    ],
)
def test_values(kind: type, teacher: list[float], student: list[float], temperature: float, expected: float) -> None:
    assert value(kind, teacher, student, temperature) == pytest.approx(expected, abs=2e-5)


def test_hot_enough_only_the_distance_of_logits_counts() -> None:
    """T^2 KL tends to half the variance of the difference of the logits: gradients keep their size."""
    apart = np.log(0.9 / 0.1) - np.log(0.3 / 0.7)
    for kind, teacher, student in ((BinaryDivergence, [0.9], [0.3]), (ClassDivergence, [0.9, 0.1], [0.3, 0.7])):
        assert value(kind, teacher, student, 30.0) == pytest.approx(apart**2 / 8, rel=2e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 20.0])
def test_what_is_finite_stays_finite_and_never_below_nothing(kind: type, temperature: float) -> None:
    edge = np.array([[0, 1], [1, 0], [1e-30, 1], [0.5, 0.5]], np.float32)
    for teacher in edge:
        found = np.asarray(kind(temperature).call(ops.convert_to_tensor([teacher] * 4), ops.convert_to_tensor(edge)))
        assert found.shape == (4,) and np.isfinite(found).all() and (found >= -1e-5).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_divergence_comes_back_from_its_config(kind: type) -> None:
    again = keras.losses.deserialize(keras.losses.serialize(kind(3.0, reduction="sum")))
    assert type(again) is kind and again.get_config() == kind(3.0, name=again.name, reduction="sum").get_config()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=r"above 0\. Received:"):
        ClassDivergence(temperature)


@pytest.mark.parametrize(
    ("layer", "loss", "kind"),
    [
        (keras.layers.Softmax(), DiceCrossentropy(), ClassDivergence),
        (keras.layers.Dense(3, activation="softmax"), WeightedCrossentropy(), ClassDivergence),
        (keras.layers.Activation("sigmoid"), CompletenessCrossentropy(), BinaryDivergence),
        (keras.layers.ReLU(), LabelledError(), NumberDifference),
        (keras.layers.Dense(1, activation="tanh"), None, NumberDifference),
    ],
)
def test_the_kind_follows_the_last_layer(layer: keras.Layer, loss: Any, kind: type) -> None:
    found = divergence_of(layer, loss, 2.0)
    assert type(found) is kind and found.temperature == 2.0
    assert found.reduction == getattr(loss, "reduction", "sum_over_batch_size")


def test_a_loss_may_ask_for_another_kind() -> None:
    loss = keras.losses.MeanSquaredError()
    loss.divergence = SquaredDifference
    assert type(divergence_of(keras.layers.ReLU(), loss, 2.0)) is SquaredDifference


def counted(loss: Any, kind: type, truth: Any, teacher: Any, student: Any) -> float:
    truth, teacher, student = (np.asarray(each, np.float32) for each in (truth, teacher, student))
    divergence = kind(1.0, reduction=loss.reduction)
    return float(divergence(teacher, student, places_judged(loss, truth, ops.convert_to_tensor(student))))


LEVELS = [[[20.0], [19.0], [5.0], [7.0]]], [[[18.0], [19.5], [9.0], [9.0]]]
"""A teacher's and a student's, of four pixels; 2, 0.5, 4 and 2 apart."""


@pytest.mark.parametrize(
    ("loss", "kind", "truth", "answers", "expected"),
    [
        (LabelledError(), NumberDifference, [[20, 19, 0, 0]], LEVELS, 1.25),  # of what is labelled alone
        (LabelledError(), NumberDifference, [[0, 0, 0, 0]], LEVELS, 0.0),
        (LevelError(0.2), NumberDifference, [[20], [0]], ([[20], [9]], [[18], [4]]), 0.2),  # 0.2 * 2 / 2
        (CompletenessCrossentropy(), BinaryDivergence, [[0], [-1]], ([[0.5], [1]], [[0.9], [0]]), 0.510826 / 2),
        (
            WeightedCrossentropy((0.25, 0.75)),
            ClassDivergence,
            [[0, 1]],
            ([[[0.5, 0.5], [0.5, 0.5]]], [[[0.9, 0.1], [0.9, 0.1]]]),
            0.510826 / 2,
        ),
        (
            LabelledCrossentropy(),
            ClassDivergence,
            [[2, 0]],
            ([[[0.5, 0.5], [1, 0]]], [[[0.9, 0.1], [0, 1]]]),
            0.510826,
        ),
        (
            InstanceLoss(form="sums"),  # weights 1 and 3
            BinaryDivergence,
            [[[0, 1], [1, 3]]],
            ([[[0.5], [0.5]]], [[[0.9], [0.9]]]),
            4 * 0.510826,
        ),
        (
            InstanceLoss(form="dice"),
            BinaryDivergence,
            [[[0, 1], [1, 3]]],
            ([[[0.9], [0.5]]], [[[0.9], [0.9]]]),
            0.75 * 0.510826,
        ),
    ],
)
def test_each_place_counts_as_in_the_task_s_own_loss(
    loss: Any, kind: type, truth: Any, answers: tuple[Any, Any], expected: float
) -> None:
    assert counted(loss, kind, truth, *answers) == pytest.approx(expected, abs=1e-5)


def test_without_weights_of_its_own_a_loss_counts_every_place_alike() -> None:
    assert places_judged(DiceCrossentropy(), None, None) is None
