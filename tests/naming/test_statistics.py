"""Statistics: JSON, validation, and fitting to synthetic spines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.naming.brute_force import spine
from utility_functions.anatomy.labels import LEVELS, THORACIC, region_of
from utility_functions.anatomy.naming.decoder import decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.evidence import ROWS, Pedicles, Regions, pedicle_features, region_cells
from utility_functions.anatomy.naming.matching import true_names
from utility_functions.anatomy.naming.statistics import STEPS, VARIANTS, Statistics
from utility_functions.anatomy.naming.statistics_fit import Example, fit
from utility_functions.geometry.landmarks import Landmarks

OFFSET = np.array([13.5, -17.0, 4.0])


def region_probabilities(name: str) -> list[float]:
    """Probabilities of C, T and L of a confident detector."""
    region = "L" if name == "S1" else (region_of(name) or "L")[0]
    return [0.95 if letter == region else 0.03 for letter in "CTL"]


def example(rng: np.random.Generator, first: str, last: str, **variant: tuple[str, ...]) -> Example:
    bodies = spine(first, last, **variant)
    size = np.exp(0.06 * rng.normal())
    points = np.array(list(bodies.values())) * size
    noisy = points + rng.normal(size=points.shape)
    left, right = noisy + OFFSET * (-1, 1, 1), noisy + OFFSET
    return Example(
        noisy,
        Landmarks(tuple(bodies), points),
        np.array([region_probabilities(name) for name in bodies]),
        (left, right),
    )


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    rng = np.random.default_rng(5)
    usual = [example(rng, first, "L5") for first in ("T1", "T6", "T9", "T11") for _ in range(12)]
    l6 = [example(rng, "T10", "L6", extra=("L6",)) for _ in range(6)]
    return [*usual, *l6, example(rng, "T8", "L5", without=("T12",))]


@pytest.fixture(scope="module")
def fitted(examples) -> Statistics:
    return fit(examples)


def test_statistics_go_to_json_and_come_back_equal(fitted) -> None:
    assert Statistics.from_json(fitted.to_json()) == fitted
    assert Statistics.from_json(Statistics().to_json()) == Statistics()


def test_the_old_key_of_the_inverse_temperature_is_read() -> None:
    calibrated = Statistics(inverse_temperature=0.5)
    assert Statistics.from_json(calibrated.to_json().replace("inverse_temperature", "sureness")) == calibrated


@pytest.mark.parametrize("text", ["{}", "[]", '"steps"', '{"steps_mm": {"C1-C2": 3}}', "no JSON"])
def test_text_that_holds_none_is_refused(text) -> None:
    with pytest.raises(ValueError):
        Statistics.from_json(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps_mm": {}},
        {"steps_mm": dict.fromkeys(STEPS, (30.0, 0.0))},
        {"starts": dict.fromkeys(LEVELS, 2.0)},
        {"variants": dict.fromkeys(VARIANTS, -0.1)},
        {"false_rate": 0.0},
        {"inverse_temperature": 1.5},
        {"volume_mm3": 0.0},
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="Received: "):
        replace(Statistics(), **wrong)


def test_fitted_statistics_match_the_spines(fitted) -> None:
    usual = Statistics()
    for step in (("T9", "T10"), ("T12", "L1"), ("L4", "L5")):
        assert fitted.steps_mm[step][0] == pytest.approx(usual.steps_mm[step][0], rel=0.03)
        assert fitted.steps_mm[step][1] < usual.steps_mm[step][1]
    for level in ("T11", "L2", "L4"):
        assert fitted.bends[level][0] == pytest.approx(usual.bends[level][0], abs=2)
    assert 0.03 < fitted.size_sd < 0.09
    assert fitted.variants["L6"] > 0.05 > fitted.variants["T13"]
    assert fitted.starts["T9"] > fitted.starts["T8"]
    assert fitted.ends["L5"] > 0.9 > 0.05 > fitted.ends["L2"]
    assert fitted.false_rate < 0.01 and fitted.missed["L1"] < 0.01


def test_fitted_statistics_name_new_spines_by_regions_alone(fitted) -> None:
    rng = np.random.default_rng(8)
    right = 0
    for first in ("T7", "T9", "T10"):
        new = example(rng, first, "L5")
        given = Detections.from_regions(new.points_mm, new.probabilities, fitted, new.pedicles_mm)
        right += decode(given, fitted).names == new.true.names
    assert right == 3


def test_fitting_without_examples_is_refused() -> None:
    with pytest.raises(ValueError, match="none"):
        fit([Example(np.zeros((0, 3)), Landmarks.empty())])


def test_few_scans_leave_the_usual_statistics_nearly_as_they_are() -> None:
    bodies = spine("L1", "L2")
    alone = fit([Example(np.array(list(bodies.values())), Landmarks(tuple(bodies), np.array(list(bodies.values()))))])
    assert alone.regions is None and alone.pedicles is None
    assert alone.steps_mm["T4", "T5"] == Statistics().steps_mm["T4", "T5"]
    assert alone.size_sd == Statistics().size_sd


def test_inflated_variances_keep_the_means() -> None:
    loose = Statistics().with_inflated_variances(2.0, 3.0)
    for step in STEPS:
        mean, sd = Statistics().steps_mm[step]
        assert loose.steps_mm[step] == (mean, 2 * sd)
    mean, sd, across = Statistics().bends["L3"]
    assert loose.bends["L3"] == (mean, 3 * sd, 3 * across)


def test_bodies_outside_the_named_ones_get_the_following_levels() -> None:
    bodies = spine("T7", "L6", extra=("L6",))
    true = Landmarks(tuple(bodies)[1:-1], np.array(list(bodies.values()))[1:-1])
    points = np.vstack([list(bodies.values()), bodies["L2"] + (70, 0, 0), bodies["L1"] + (3, 3, 3)])
    names = true_names(points, true)
    assert names[: len(bodies)] == ("T7", *true.names, "S1")  # no L6 is named: S1 follows L5
    assert names[len(bodies) :] == ("", "")


@pytest.mark.parametrize("count", [0, 3])
def test_without_a_truth_all_detections_are_false(count) -> None:
    assert true_names(np.zeros((count, 3)), Landmarks.empty()) == ("",) * count


def test_regions_distinguish_thoracic_from_lumbar() -> None:
    rows = np.array([ROWS.index(name) for name in ("T12",) * 30 + ("L1",) * 30])
    regions = Regions.fit(rows, [region_probabilities("T12")] * 30 + [region_probabilities("L1")] * 30)
    likelihood = regions.log_likelihood([region_probabilities("T12"), region_probabilities("L1")])
    assert likelihood.shape == (2, len(ROWS))
    assert likelihood[0, ROWS.index("T12")] > likelihood[0, ROWS.index("L1")] + 2
    assert likelihood[1, ROWS.index("L4")] > likelihood[1, ROWS.index("T9")] + 1  # observed at neither level
    np.testing.assert_allclose(np.exp(np.array(regions.table)).sum(axis=1), 1.0)


def test_every_kind_of_probabilities_has_its_own_cell() -> None:
    cells = region_cells([(0.9, 0.1, 0.0), (0.9, 0.0, 0.1), (0.1, 0.9, 0.0), (0.0, 0.9, 0.1), (0.4, 0.1, 0.0)])
    assert len(set(cells.tolist())) == 5


def test_pedicles_belong_to_one_body_each() -> None:
    bodies = np.array(list(spine("T8", "L3").values()))
    left, right = bodies + OFFSET * (-1, 1, 1), (bodies + OFFSET)[1:]
    features = pedicle_features(bodies, left, right[::-1])
    assert np.isnan(features[0]).all()
    np.testing.assert_allclose(features[1:, 0], np.log(27.0))
    assert pedicle_features(bodies, np.zeros((0, 3)), right).shape == (len(bodies), 3)


def test_bodies_with_their_pedicles_are_less_likely_false() -> None:
    rng = np.random.default_rng(2)
    features = np.log([27.0, 17.0, 1.3]) + 0.05 * rng.normal(size=(60, 3))
    rows = np.array([ROWS.index(THORACIC[i % 12]) for i in range(60)])
    features = np.vstack([features, np.full((20, 3), np.nan)])
    pedicles = Pedicles.fit(np.append(rows, np.full(20, len(LEVELS))), features)
    both, none = pedicles.log_likelihood(features[[0, -1]])
    assert both[ROWS.index("T5")] > both[-1]
    assert none[ROWS.index("T5")] < none[-1]
