"""Divergences of a student from its teacher: values computed by hand, and the weights of each loss."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from losses_and_metrics.dense_losses import DiceCrossentropy, LabelledCrossentropy, LabelledError, WeightedCrossentropy
from losses_and_metrics.divergences import (
    BinaryDivergence,
    ClassDivergence,
    NumberDifference,
    SquaredDifference,
    distillation_divergence,
    divergence_of,
)
from losses_and_metrics.iterative_loss import CompletenessCrossentropy, InstanceLoss, LevelError
from losses_and_metrics.landmark_heatmap_loss import ABSENT, PRESENT, UNKNOWN, HeatmapLoss, gaussians
from losses_and_metrics.mask_loss import MaskLoss
from losses_and_metrics.spine_heatmap_loss import HeatDivergence, HeatError

KINDS = (ClassDivergence, BinaryDivergence, NumberDifference, SquaredDifference)


def value(kind: type, teacher: list[float], student: list[float], temperature: float = 1.0) -> float:
    """The divergence at one position."""
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
        (ClassDivergence, [1, 0], [0, 1], 1, 16.118096),  # limited by the smallest probability, ln 1e7
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


def test_at_high_temperature_the_divergence_is_the_distance_of_logits() -> None:
    """T^2 KL tends to half the variance of the difference of the logits: gradients keep their size."""
    apart = np.log(0.9 / 0.1) - np.log(0.3 / 0.7)
    for kind, teacher, student in ((BinaryDivergence, [0.9], [0.3]), (ClassDivergence, [0.9, 0.1], [0.3, 0.7])):
        assert value(kind, teacher, student, 30.0) == pytest.approx(apart**2 / 8, rel=2e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 20.0])
def test_divergences_are_finite_and_not_negative(kind: type, temperature: float) -> None:
    edge = np.array([[0, 1], [1, 0], [1e-30, 1], [0.5, 0.5]], np.float32)
    for teacher in edge:
        found = np.asarray(kind(temperature).call(ops.convert_to_tensor([teacher] * 4), ops.convert_to_tensor(edge)))
        assert found.shape == ((4,) if kind is ClassDivergence else (4, 2))
        assert np.isfinite(found).all() and (found >= -1e-5).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_divergence_comes_back_from_its_config(kind: type) -> None:
    again = keras.losses.deserialize(keras.losses.serialize(kind(3.0, reduction="sum")))
    assert type(again) is kind and again.get_config() == kind(3.0, name=again.name, reduction="sum").get_config()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_an_invalid_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=r"above 0\. Received:"):
        ClassDivergence(temperature)


@pytest.mark.parametrize(
    ("layer", "loss", "kind"),
    [
        (keras.layers.Softmax(), DiceCrossentropy(), ClassDivergence),
        (keras.layers.Dense(3, activation="softmax"), WeightedCrossentropy(), ClassDivergence),
        (keras.layers.Activation("sigmoid"), CompletenessCrossentropy(), BinaryDivergence),
        (keras.layers.Add(), InstanceLoss(), BinaryDivergence),
        (keras.layers.ReLU(), LabelledError(), NumberDifference),
        (keras.layers.Dense(1, activation="tanh"), None, NumberDifference),
    ],
)
def test_the_kind_follows_the_loss_or_the_last_layer(layer: keras.Layer, loss: Any, kind: type) -> None:
    found = divergence_of(layer, loss, 2.0)
    assert type(found) is kind and found.temperature == 2.0
    assert found.reduction == getattr(loss, "reduction", "sum_over_batch_size")


def test_a_loss_may_choose_another_kind() -> None:
    loss = keras.losses.MeanSquaredError()
    loss.divergence = SquaredDifference
    assert type(divergence_of(keras.layers.ReLU(), loss, 2.0)) is SquaredDifference


def counted(loss: Any, kind: type, truth: Any, teacher: Any, student: Any, weights: Any = None) -> float:
    truth, teacher, student = (np.asarray(each, np.float32) for each in (truth, teacher, student))
    truth, teacher, student = (ops.convert_to_tensor(each) for each in (truth, teacher, student))
    return float(distillation_divergence(kind(1.0, reduction=loss.reduction), loss, truth, teacher, student, weights))


LEVELS = [[[20.0], [19.0], [5.0], [7.0]]], [[[18.0], [19.5], [9.0], [9.0]]]
"""A teacher's and a student's, of four pixels; 2, 0.5, 4 and 2 apart."""


@pytest.mark.parametrize(
    ("loss", "kind", "truth", "answers", "expected"),
    [
        (LabelledError(), NumberDifference, [[20, 19, 0, 0]], LEVELS, 1.25),  # of labelled voxels alone
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
def test_each_position_has_its_weight_of_the_task_s_loss(
    loss: Any, kind: type, truth: Any, answers: tuple[Any, Any], expected: float
) -> None:
    assert counted(loss, kind, truth, *answers) == pytest.approx(expected, abs=1e-5)


HEATS = [[[[[0.5, 0.1]]], [[[0.25, 0.9]]]]], [[[[[0.0, 0.0]]], [[[0.75, 0.2]]]]]
"""A teacher's and a student's, of two landmarks in two voxels; squares of the first 0.25 and 0.25."""


@pytest.mark.parametrize(
    ("form", "expected"),
    [("sums", 0.25), ("mean", 0.5 / (np.pi**1.5 * 8))],  # 1/2 of the squares; in parts of the sum of g^2 at sigma 2
)
def test_landmarks_of_unknown_place_are_not_learnt_from_the_teacher(form: str, expected: float) -> None:
    truth = [[[0, 0, 0, PRESENT], [0, 0, 0, UNKNOWN]]]
    loss = HeatmapLoss(sigma=2.0, form=form)
    divergence = divergence_of(keras.layers.Multiply(), loss, 3.0)
    assert type(divergence) is SquaredDifference
    assert counted(loss, SquaredDifference, truth, *HEATS) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", ["sums", "mean"])
def test_squared_errors_of_heatmaps_have_the_weights_of_the_loss(form: str) -> None:
    """A teacher whose output is the target gives the loss without its penalty."""
    loss = HeatmapLoss(sigma=1.5, penalty=0.0, form=form)
    points = np.array([[[1, 2, 1], [2, 0, 3]]], np.float32)
    truth = np.concatenate([points, np.array([[[PRESENT], [ABSENT]]], np.float32)], axis=-1)
    target = np.array(gaussians(ops.convert_to_tensor(points), ops.full((2,), 1.5), (4, 4, 4)))
    target[..., 1] = 0
    student = np.random.default_rng(1).random((1, 4, 4, 4, 2)).astype(np.float32)
    own = float(loss(truth, student))
    assert counted(loss, SquaredDifference, truth, target, student) == pytest.approx(own, rel=1e-4)


@pytest.mark.parametrize(("loss", "kind"), [(HeatError(), SquaredDifference), (HeatDivergence(), BinaryDivergence)])
def test_unjudged_heatmap_voxels_are_not_learnt_from_the_teacher(loss: Any, kind: type) -> None:
    truth = [[[0.3, 1.0], [0.2, 0.0], [0.9, 1.0], [0.1, 0.0]]]
    teacher, student = [[[0.5], [0.1], [0.5], [0.1]]], [[[0.9], [0.9], [0.5], [0.9]]]
    expected = {SquaredDifference: 0.16 / 2, BinaryDivergence: 0.510826 / 2}[kind]
    assert counted(loss, kind, truth, teacher, student) == pytest.approx(expected, abs=1e-5)
    nothing = [[[0.3, 0.0]] * 4]
    assert counted(loss, kind, nothing, teacher, student) == 0.0


def test_weights_of_the_batch_count_beside_those_of_the_loss() -> None:
    teacher, student = LEVELS
    assert counted(LabelledError(), NumberDifference, [[20, 19, 9, 0]], teacher, student, [[1, 2, 0, 9]]) == 1.0
    assert counted(DiceCrossentropy(), ClassDivergence, [[0]], [[[1, 0]]], [[[0.5, 0.5]]], [3.0]) == pytest.approx(
        3 * 0.693147, abs=1e-5
    )


def test_a_loss_without_weights_counts_all_positions_equally() -> None:
    assert counted(MaskLoss(), BinaryDivergence, [[1, 0]], [[[0.5], [0.5]]], [[[0.9], [0.5]]]) == pytest.approx(
        0.510826 / 2, abs=1e-5
    )
