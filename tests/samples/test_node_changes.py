"""Augmentation of nodes: the effect of each change, targets that follow their bodies, and absent nodes."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.samples.augment.node_changes import AMOUNTS, PROBABILITIES, NodeChanges
from tests.naming.brute_force import spine
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.nodes import LEFT, PLACE, PRESENT, REGIONS, RIGHT, UNITS, nodes_of

ROOM, FALSE = 20, 29
NONE = dict.fromkeys((*PROBABILITIES, *AMOUNTS), 0.0)


def sample(first: str = "T9", last: str = "L5") -> tuple[np.ndarray, np.ndarray]:
    levels = spine(first, last)
    points = np.array(list(levels.values()))
    regions = np.tile([0.1, 0.3, 0.7], (len(points), 1))
    nodes, _ = nodes_of(points, regions, (points + np.array([-14, -20, 2]), points + np.array([15, -20, 2])))
    x, y = np.zeros((1, ROOM, nodes.shape[1]), np.float32), np.zeros((1, ROOM), np.uint8)
    x[0, : len(nodes)] = nodes / UNITS
    y[0, : len(nodes)] = [LEVELS.index(name) + 1 for name in levels]
    return x, y


def changed(x: np.ndarray, y: np.ndarray, seed: int = 3, **options: object) -> tuple[np.ndarray, np.ndarray]:
    found = NodeChanges(FALSE, **{**NONE, **options})(x, y, None, [1, seed])
    assert found[2] is None
    return np.asarray(found[0]), np.asarray(found[1])


def names(y: np.ndarray) -> list[str]:
    return ["false" if value == FALSE else LEVELS[value - 1] for value in y[0] if value]


def test_without_changes_the_sample_stays_equal() -> None:
    x, y = sample()
    nodes, target = changed(x, y)
    np.testing.assert_allclose(nodes, x, atol=2e-4)
    np.testing.assert_array_equal(target, y)


def test_equal_seeds_give_equal_changes_and_other_seeds_others() -> None:
    x, y = sample()
    augment = NodeChanges(FALSE)
    first, again, other = (np.asarray(augment(x, y, None, [1, seed])[0]) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("seed", range(6))
def test_truncation_leaves_at_least_three_consecutive_bodies(seed) -> None:
    x, y = sample()
    nodes, target = changed(x, y, seed, truncation=1.0)
    remaining = names(target)
    start = names(y).index(remaining[0])
    assert len(remaining) >= 3 and remaining == names(y)[start : start + len(remaining)]
    np.testing.assert_allclose(nodes[0, : len(remaining), 1:4], x[0, start : start + len(remaining), 1:4], atol=1e-6)
    assert not nodes[0, len(remaining) :].any() and not target[0, len(remaining) :].any()


def test_mirroring_exchanges_left_and_right() -> None:
    x, y = sample()
    nodes, target = changed(x, y, mirror=1.0)
    np.testing.assert_array_equal(target, y)
    np.testing.assert_allclose(nodes[..., PLACE], x[..., PLACE] * (-1, 1, 1), atol=1e-6)
    np.testing.assert_allclose(nodes[..., LEFT], x[..., RIGHT] * (1, -1, 1, 1), atol=1e-6)


def test_false_positives_have_their_target_and_lie_near_a_body() -> None:
    x, y = sample()
    nodes, target = changed(x, y, duplicate=1.0, false_positive=1.0)
    found = names(target)
    assert found.count("false") == 2 and [name for name in found if name != "false"] == names(y)
    assert nodes[0, : len(found), PRESENT].all()
    new = [place for place, name in enumerate(found) if name == "false"]
    assert not nodes[0, new][:, LEFT].any()
    distances = np.linalg.norm(nodes[0, new, None, PLACE] - x[0, None, :, PLACE], axis=-1).min(axis=1)
    assert distances.min() < 0.025


def test_rotation_and_scaling_preserve_ratios_of_distances() -> None:
    x, y = sample()
    nodes, _ = changed(x, y, tilt_degrees=20.0, turn_degrees=10.0, size=0.1)
    steps = [np.linalg.norm(np.diff(each[0, :9, PLACE], axis=0), axis=1) for each in (x, nodes)]
    ratio = steps[1] / steps[0]
    assert ratio.std() < 1e-4 and 0.9 <= ratio.mean() <= 1.1


def test_regions_become_unknown_and_pedicles_missing() -> None:
    x, y = sample()
    nodes, _ = changed(x, y, unknown_regions=1.0, no_pedicles=1.0)
    assert not nodes[..., REGIONS].any() and not nodes[..., LEFT.start :].any()


def test_where_all_nodes_are_missed_all_stay() -> None:
    x, y = sample()
    assert names(changed(x, y, missed=1.0)[1]) == names(y)


@pytest.mark.parametrize(
    ("options", "first", "last", "expected"),
    [
        ({"removed": (19,)}, "T10", "L3", ["T10", "T11", "L1", "L2", "L3"]),
        ({"removed": (25,)}, "L2", "L5", ["L2", "L3", "L4", "L5"]),  # nothing below shows that one is missing
        ({"removed": (19,)}, "L1", "L4", ["L1", "L2", "L3", "L4"]),
        ({"added": ((19, 20),)}, "T11", "L2", ["T11", "T12", "T13", "L1", "L2"]),
        ({"added": ((25, 26),)}, "L3", "L5", ["L3", "L4", "L5", "L6"]),
    ],
)
def test_variants_have_one_level_less_or_more_at_usual_distances(options, first, last, expected) -> None:
    x, y = sample(first, last)
    nodes, target = changed(x, y, variant=1.0, **options)
    assert names(target) == expected
    steps = np.linalg.norm(np.diff(nodes[0, : len(expected), PLACE], axis=0), axis=1)
    usual = np.linalg.norm(np.diff(x[0, : len(names(y)), PLACE], axis=0), axis=1)
    assert usual.min() - 1e-4 <= steps.min() and steps.max() <= usual.max() + 1e-4


def test_a_sample_without_nodes_stays_empty() -> None:
    x, y = np.zeros((1, ROOM, 15), np.float32), np.zeros((1, ROOM), np.uint8)
    nodes, target = changed(x, y, duplicate=1.0, false_positive=1.0, truncation=1.0, mirror=1.0)
    assert not nodes.any() and not target.any()


@pytest.mark.parametrize("name", [*PROBABILITIES, *AMOUNTS])
def test_amounts_and_probabilities_below_zero_are_refused(name) -> None:
    with pytest.raises(ValueError, match="Received: -1"):
        NodeChanges(FALSE, **{name: -1})
