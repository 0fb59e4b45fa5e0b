"""The naming network's evidence: in the order of the detections, independent of padding, in the decoder's form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from learning_functions.inference.naming_evidence import (
    decoded,
    error_features,
    evidence,
    evidence_of,
    level_probabilities,
    named,
    statistics_of,
)
from learning_functions.inference.sliding_window import flexible
from learning_functions.task import Settings, load_task, settings_of
from tests.naming.brute_force import spine
from tests.views import view_of
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.files.cases import NO_IMAGE
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings

TASK = load_task("naming")
SMALL = settings_of(TASK, "small")
SETTINGS = SMALL.changed(spec=replace(SMALL.spec, patch=(1, 1, 12)), filters=4, levels=2).with_options(members=2)


@pytest.fixture(scope="module")
def network():
    return flexible(TASK.network(SETTINGS))  # as a loaded model's


def keypoints(first: str, last: str, order: list[int] | None = None) -> Keypoints:
    points = np.array(list(spine(first, last).values()))
    points = points if order is None else points[order]
    probabilities = np.tile([0.02, 0.1, 0.9], (len(points), 1))
    return Keypoints(
        points, ("",) * len(points), probabilities, points + np.array([-14, -20, 2]), points + np.array([14, -20, 2])
    )


def test_evidence_has_the_order_of_the_detections(network) -> None:
    order = [3, 0, 4, 1, 2]
    levels, false = evidence(network, SETTINGS, keypoints("L1", "L5"))
    mixed, its = evidence(network, SETTINGS, keypoints("L1", "L5", order))
    assert levels.shape == (5, len(LEVELS)) and false.shape == (5,)
    assert np.isfinite(levels).all() and np.isfinite(false).all()
    np.testing.assert_allclose(mixed, levels[order], atol=1e-3)
    np.testing.assert_allclose(its, false[order], atol=1e-3)


def test_probabilities_depend_neither_on_padding_nor_on_other_scans(network) -> None:
    alone = level_probabilities(network, SETTINGS, [keypoints("L1", "L5")])[0]
    together = level_probabilities(
        network, SETTINGS, [keypoints("C1", "L5"), keypoints("L1", "L5")]
    )  # longer than the patch
    assert together[0].shape == (24, len(LEVELS) + 1)
    np.testing.assert_allclose(together[1], alone, atol=1e-5)
    np.testing.assert_allclose(alone.sum(axis=1), 1, atol=1e-5)


def test_probabilities_do_not_depend_on_the_position_of_the_spine(network) -> None:
    here = keypoints("T9", "L3")
    away = np.array([120.0, -60.0, 900.0])
    there = Keypoints(here.bodies_mm + away, here.names, here.probabilities, here.left_mm + away, here.right_mm + away)
    first, second = level_probabilities(network, SETTINGS, [here, there])
    np.testing.assert_allclose(first, second, atol=1e-3)


def test_the_prior_false_rate_is_divided_out_of_the_evidence() -> None:
    probabilities = np.full((1, len(LEVELS) + 1), 0.5 / (len(LEVELS) - 1))
    probabilities[0, 22], probabilities[0, -1] = 0.4, 0.1
    levels, false = evidence_of(probabilities, Statistics(false_rate=0.1), evidence_weight=0.5)
    assert levels[0, 22] == pytest.approx(0.5 * np.log(0.4 / 0.9))
    assert levels[0, 0] == pytest.approx(0.5 * np.log(0.5 / (len(LEVELS) - 1) / 0.9))
    assert false[0] == pytest.approx(0.0)


def test_prior_probabilities_of_levels_are_divided_out_among_levels_alone() -> None:
    probabilities = np.full((1, len(LEVELS) + 1), 1e-9)
    probabilities[0, 25], probabilities[0, 26] = 0.2, 0.8
    before = np.full(len(LEVELS), 0.5 / (len(LEVELS) - 2))
    before[25], before[26] = 0.1, 0.4
    levels, _ = evidence_of(probabilities, Statistics(), 1.0, before)
    assert levels[0, 26] - levels[0, 25] == pytest.approx(np.log(0.8 / 0.2) - np.log(0.4 / 0.1), abs=1e-3)
    assert probabilities[0, 25:27] @ levels[0, 25:27] == pytest.approx(0.2 * np.log(0.2) + 0.8 * np.log(0.8), abs=1e-3)


def test_no_detection_gives_no_names(network) -> None:
    none = np.zeros((0, 3))
    nothing = Keypoints(none, (), none, none, none)
    levels, false = evidence(network, SETTINGS, nothing)
    assert levels.shape == (0, len(LEVELS)) and not len(false)
    assert decoded(network, SETTINGS, nothing).names == ()


def test_statistics_come_from_the_card_where_it_holds_them() -> None:
    fitted = Statistics(false_rate=0.2)
    assert statistics_of(SETTINGS) == Statistics()
    assert statistics_of(with_options(statistics=fitted.to_json())) == fitted


def with_options(**more: object) -> Settings:
    return SETTINGS.with_options(**more)


def test_landmarks_get_new_names_and_uncertainty_is_noted(network) -> None:
    levels = spine("T11", "L4")
    given = Landmarks(tuple(levels), np.array(list(levels.values())))
    findings = Findings("scan", NO_IMAGE.grid, landmarks=given)
    found = TASK.predict(network, with_options(warn_from=0.0), view_of(NO_IMAGE, findings))
    assert found.landmarks is not None and len(found.landmarks) >= 1
    assert found.naming is not None
    assert any("wrong" in note or "shifted" in note for note in found.naming.notes)
    nothing = TASK.predict(network, SETTINGS, view_of(NO_IMAGE, findings.having(landmarks=None)))
    assert nothing.landmarks is not None and not len(nothing.landmarks) and nothing.notes


def test_the_error_probability_is_that_of_the_card() -> None:
    points = np.array(list(spine("T10", "L4").values()))
    probabilities = np.full((len(points), len(LEVELS) + 1), 1e-3)
    probabilities[np.arange(len(points)), LEVELS.index("T10") + np.array([0, 1, 2, 4, 5, 6, 7])] = 1 - 1e-3 * len(
        LEVELS
    )
    uncalibrated = named(probabilities, points, SETTINGS)
    features = error_features(uncalibrated, probabilities)
    calibrated = named(probabilities, points, with_options(error_weights=(-1.0, 0.5, 2.0)))
    assert calibrated.error_probability == pytest.approx(1 / (1 + np.exp(1.0 - 0.5 * features[0] - 2.0 * features[1])))
    assert calibrated.names == uncalibrated.names and calibrated.margin == uncalibrated.margin
    np.testing.assert_array_equal(calibrated.posterior, uncalibrated.posterior)
    assert sum(calibrated.shifted) <= calibrated.error_probability
    uncertain = named(
        np.full_like(probabilities, 1 / probabilities.shape[1]), points, with_options(error_weights=(-1.0, 0.0, 2.0))
    )
    assert uncertain.error_probability > calibrated.error_probability, (
        "an uncertain network has a larger error probability"
    )
    assert named(probabilities[:0], points[:0], with_options(error_weights=(1.0, 1.0, 1.0))).error_probability == 0.0
