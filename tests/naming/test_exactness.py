"""The decoder against all sequences one by one: best, next best, posterior and shifts are equal."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naming.brute_force import FALSE, every_sequence
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.decoder import decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.forward_backward import backward, forward, posterior
from utility_functions.anatomy.naming.n_best import best_sequences
from utility_functions.anatomy.naming.routes import neighbours
from utility_functions.anatomy.naming.sequence_model import chain_of
from utility_functions.anatomy.naming.statistics import Statistics

STATISTICS = Statistics(inverse_temperature=0.7)
SURELY_NOT = -1e3


def of_few_levels(test: Callable[..., None]) -> Callable[..., None]:
    """The test over detections that may be one of a few levels, few enough for an exhaustive search."""
    drawn = given(
        first=st.sampled_from([0, 5, 16, 17, 18, 20, 22]),
        levels=st.integers(2, 5),
        count=st.integers(1, 4),
        seed=st.integers(0, 10_000),
    )
    return settings(max_examples=25, deadline=None)(drawn(test))


def detections_at(first: int, levels: int, count: int, seed: int) -> Detections:
    """Bodies about 28 mm apart with random evidence for a few levels, none for the others; some are truncated."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(count, 3)) * (3, 5, 9) + (0, 2, -28)
    steps[rng.random(count) < 0.2] *= 2
    evidence = np.full((count, len(LEVELS)), SURELY_NOT)
    evidence[:, first : first + levels] = rng.normal(size=(count, levels)) * 2
    visible = np.where(rng.random(count) < 0.2, 0.6, 1.0)
    prior = rng.uniform(0.01, 0.4, count) if seed % 2 else None
    return Detections(np.cumsum(steps, axis=0), evidence, rng.normal(size=count), prior, visible)


@of_few_levels
def test_best_sequences_and_sums_are_those_of_all_sequences(first, levels, count, seed) -> None:
    detections = detections_at(first, min(levels, len(LEVELS) - first), count, seed)
    chain = chain_of(detections, STATISTICS)
    everything = every_sequence(
        detections, STATISTICS, range(first, min(first + levels, len(LEVELS))), chain.most_missed
    )
    by_weight = sorted(((max(each), levels) for levels, each in everything), reverse=True)
    found = best_sequences(chain, 5)
    for (expected, _), sequence in zip(by_weight, found, strict=False):
        assert sequence.log_weight == pytest.approx(math.log(expected), abs=1e-8)
    assert len({sequence.levels for sequence in found}) == len(found)
    assert found[0].levels == by_weight[0][1] or by_weight[0][0] < by_weight[1][0] * (1 + 1e-9)


@of_few_levels
def test_posteriors_error_probability_and_shifts_are_those_of_all_sequences(first, levels, count, seed) -> None:
    detections = detections_at(first, min(levels, len(LEVELS) - first), count, seed)
    naming = decode(detections, STATISTICS)
    order = np.argsort(-detections.points_mm[:, 2])
    if not np.array_equal(order, np.arange(count)):
        return  # the reference takes them in their order
    most = chain_of(detections, STATISTICS).most_missed
    everything = every_sequence(detections, STATISTICS, range(first, min(first + levels, len(LEVELS))), most)
    total = sum(sum(each) for _, each in everything)
    posterior = np.zeros((count, len(LEVELS) + 1))
    for sequence, each in everything:
        for i, level in enumerate(sequence):
            posterior[i, level] += sum(each) / total
    np.testing.assert_allclose(naming.posterior, posterior, atol=1e-9)
    assert naming.log_weight == pytest.approx(math.log(total), abs=1e-8)
    named = {i: LEVELS.index(name) for i, name in enumerate(naming.names) if name}
    kept = [0.0, 0.0, 0.0]
    for sequence, each in everything:
        for way, allowed in enumerate(([(level,) for level in range(len(LEVELS))], *neighbours())):
            agrees = all(sequence[i] in (FALSE, *allowed[level]) for i, level in named.items())
            if agrees and (way == 0 or any(level != FALSE for level in sequence)):
                kept[way] += sum(each) / total
    assert naming.error_probability == pytest.approx(1 - kept[0], abs=1e-9)
    assert naming.shifted == pytest.approx(tuple(kept[1:]) if named else (0.0, 0.0), abs=1e-9)


def test_masked_sums_come_out_the_same_together_as_alone() -> None:
    chain = chain_of(detections_at(16, 5, 4, 3), STATISTICS)
    masks = np.zeros((2, *chain.unary.shape))
    masks[1, :, 17] = -np.inf
    together = forward(chain, chain.unary + masks)[1]
    alone = [forward(chain, chain.unary[None] + mask)[1][0] for mask in masks]
    np.testing.assert_allclose(together, alone)
    assert together[1] < together[0]


def test_the_best_of_thirty_is_first_and_the_others_follow_in_order() -> None:
    detections = detections_at(0, len(LEVELS), 30, 7)
    weights = [sequence.log_weight for sequence in best_sequences(chain_of(detections, STATISTICS), 20)]
    assert len(weights) == 20
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize(("nats", "within"), [(1.0, 1e-9), (30.0, 1e-9), (90.0, 1e-9), (300.0, 1e-3)])
def test_posteriors_stay_normalised_under_strong_contrary_evidence(nats, within) -> None:
    detections = detections_at(0, len(LEVELS), 24, 11)
    evidence = np.zeros_like(detections.evidence)
    evidence[np.arange(12), np.arange(12)] = nats
    evidence[np.arange(12, 24), np.arange(12, 24) - 11] = nats  # the lower half says one level further up
    naming = decode(Detections(detections.points_mm, evidence, np.zeros(24)), STATISTICS)
    np.testing.assert_allclose(naming.posterior.sum(axis=1), 1.0, atol=within)  # halves 840 nats apart are rounded
    assert 0 <= naming.error_probability <= 1 and not np.isnan(naming.margin) and np.isfinite(naming.log_weight)
    assert all(0 <= probability <= 1 for probability in naming.shifted)


@of_few_levels
def test_forward_and_backward_sums_agree_at_every_position(first, levels, count, seed) -> None:
    chain = chain_of(detections_at(first, min(levels, len(LEVELS) - first), count, seed), STATISTICS)
    sums, whole = forward(chain, chain.unary[None])
    probabilities = posterior(sums, backward(chain), float(whole[0]))
    nothing = math.exp(chain.none - float(whole[0]))
    assert (probabilities >= 0).all() and (probabilities.sum(axis=1) <= 1 - nothing + 1e-9).all()
    assert count > 1 or probabilities.sum() == pytest.approx(1 - nothing)


def test_impossible_steps_have_zero_probability() -> None:
    chain = chain_of(detections_at(0, len(LEVELS), 6, 2), STATISTICS)
    for level, name in enumerate(LEVELS):
        lower, rows = chain.table.below[level]
        assert {LEVELS[place] for place in lower} == {b for a, b in chain.table.between if a == name}
        assert all((chain.steps[0][row] > 0).all() for row in rows)
    joined = {int(row) for _, rows in chain.table.below for row in rows}
    for row in set(range(chain.table.count)) - joined:
        assert not chain.steps[0][row].any()
