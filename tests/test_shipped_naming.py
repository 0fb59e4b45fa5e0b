"""The shipped naming model: small, with attribution in its card, and correct on usual spines."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.inference.naming_evidence import decoded, statistics_of
from learning_functions.model_files.pretrained import SHIPPED
from learning_functions.predict.trained_model import TrainedModel
from tests.naming.brute_force import spine
from utility_functions.anatomy.labels import region_of
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.vertebral_keypoints import Keypoints


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return TrainedModel.load(SHIPPED / "naming.h5")


def keypoints_of(levels: dict[str, np.ndarray]) -> Keypoints:
    """Bodies with certain regions, and pedicles at their usual positions."""
    points = np.array(list(levels.values()))
    regions = np.array(
        [[0.95 if (region_of(name) or "L")[0] == letter else 0.02 for letter in "CTL"] for name in levels]
    )
    away = np.array([14.0, -23.0, 3.0])
    return Keypoints(points, ("",) * len(points), regions, points + away * (-1, 1, 1), points + away)


def test_the_card_names_the_data_and_the_estimated_options(model: TrainedModel) -> None:
    assert model.task_name == "naming" and model.settings.preset == "shipped"
    assert "ImFusion" in model.card["training"]["about"] and "CC BY-SA 4.0" in model.card["training"]["about"]
    assert statistics_of(model.settings) != Statistics()
    assert 0 < model.settings.options.warn_from < 1
    assert (SHIPPED / "naming.h5").stat().st_size < 3_000_000


@pytest.mark.parametrize(("first", "last"), [("T8", "L5"), ("T10", "L5"), ("T6", "L3"), ("C3", "T6"), ("C2", "L5")])
def test_usual_spines_are_named_right(model: TrainedModel, first: str, last: str) -> None:
    levels = spine(first, last)
    naming = decoded(model.network, model.settings, keypoints_of(levels))
    assert naming.names == tuple(levels)


def test_a_false_positive_is_reported(model: TrainedModel) -> None:
    levels = spine("T9", "L5")
    usual = keypoints_of(levels)
    points = np.vstack([usual.bodies_mm, usual.bodies_mm[4] + (70.0, 40.0, 5.0)])
    regions = np.vstack([usual.probabilities, [0.02, 0.05, 0.05]])
    given = Keypoints(points, ("",) * len(points), regions, usual.left_mm, usual.right_mm)
    naming = decoded(model.network, model.settings, given)
    assert naming.names == (*levels, "")
