"""The error probability: fitted on scans with wrong names, calibrated, and not fitted on too few."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.training.naming_error import LEAST_WRONG, error_weights


def scans(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of which only the second is informative about wrong names."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 2)) * (3.0, 0.5) + (-4.0, -2.0)
    return features, rng.random(count) < 1 / (1 + np.exp(-3.0 * (features[:, 1] + 1.5)))


def probabilities(weights: tuple[float, ...], features: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(weights[0] + features @ np.array(weights[1:]))))


def test_informative_features_get_weights_and_others_do_not() -> None:
    features, wrong = scans(2000)
    weights = error_weights(features, wrong)
    assert weights is not None and weights[2] == pytest.approx(3.0, abs=0.5) and abs(weights[1]) < 0.1


def test_the_mean_error_probability_is_the_fraction_of_wrong_scans() -> None:
    features, wrong = scans(2000)
    weights = error_weights(features, wrong)
    assert weights is not None
    informative_ones = probabilities(weights, scans(2000, seed=1)[0])
    others = scans(2000, seed=1)[1]
    assert informative_ones.mean() == pytest.approx(others.mean(), abs=0.02)
    assert informative_ones[others].mean() > informative_ones[~others].mean() + 0.1


def test_constant_features_give_the_fraction_of_wrong_scans() -> None:
    wrong = np.arange(40) < 10
    weights = error_weights(np.ones((40, 2)), wrong)
    assert weights is not None
    np.testing.assert_allclose(probabilities(weights, np.ones((1, 2))), 0.25, atol=1e-6)


def test_too_few_wrong_or_right_scans_give_no_weights() -> None:
    features, _ = scans(40)
    for few in (LEAST_WRONG - 1, 40 - LEAST_WRONG + 1):
        assert error_weights(features, np.arange(40) < few) is None


def test_separable_scans_give_finite_weights() -> None:
    wrong = np.arange(60) < 20
    weights = error_weights(np.column_stack([wrong * 10.0, wrong * 1.0]), wrong)
    assert weights is not None and np.isfinite(weights).all()
