"""Nodes: bodies in order with their own pedicles, in units of probability and tenths of a millimetre."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naming.brute_force import spine
from utility_functions.anatomy.naming.evidence import own_pedicles
from utility_functions.anatomy.naming.nodes import CHANNELS, LEFT, PLACE, PRESENT, REGIONS, RIGHT, nodes_of


def test_a_node_holds_place_regions_and_pedicles_in_whole_numbers() -> None:
    bodies = np.array([[10.0, 0.0, -15.0], [10.0, 0.0, 15.0]])
    regions = [[0.1, 0.2, 0.9], [np.nan] * 3]
    nodes, order = nodes_of(bodies, regions, (np.zeros((0, 3)), [[24.0, -24.0, 16.5]]))
    assert order.tolist() == [1, 0] and nodes.dtype == np.int16
    assert nodes[:, PRESENT].tolist() == [10_000, 10_000]
    assert nodes[:, PLACE].tolist() == [[0, 0, 150], [0, 0, -150]]
    assert nodes[:, REGIONS].tolist() == [[0, 0, 0], [1000, 2000, 9000]]
    assert not nodes[:, LEFT].any()
    assert nodes[:, RIGHT].tolist() == [[10_000, 140, -240, 15], [0, 0, 0, 0]]


def test_no_detections_give_no_nodes() -> None:
    nodes, order = nodes_of(np.zeros((0, 3)))
    assert nodes.shape == (0, CHANNELS) and not len(order)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_nodes_do_not_depend_on_the_order_given_nor_on_where_the_spine_lies(seed) -> None:
    rng = np.random.default_rng(seed)
    points = np.array(list(spine("T8", "L4").values()))
    left, right = points + np.array([-14, -20, 3]), points + np.array([14, -20, 3])
    regions = rng.random(points.shape)
    mixed = rng.permutation(len(points))
    away = rng.normal(size=3) * 300
    nodes, order = nodes_of(points, regions, (left, right))
    others, its = nodes_of((points + away)[mixed], regions[mixed], (rng.permutation(left + away), right + away))
    assert np.abs(nodes.astype(int) - others).max() <= 1
    assert mixed[its].tolist() == order.tolist() == list(range(len(points)))


@pytest.mark.parametrize(("first", "last"), [("C2", "T2"), ("T3", "T9"), ("T10", "L5")])
def test_each_body_has_its_own_pedicles_at_every_height(first, last) -> None:
    levels = spine(first, last)
    bodies = np.array(list(levels.values()))
    offsets = np.array([(14.0, -10.0, 6.0) if name[0] == "C" else (13.0, -20.0, 4.0) for name in levels])
    rng = np.random.default_rng(1)
    right = bodies + offsets + rng.normal(size=bodies.shape) * 1.5
    left = bodies + offsets * (-1, 1, 1)
    found = own_pedicles(bodies, rng.permutation(left)[1:], rng.permutation(right))
    np.testing.assert_array_equal(found[1], right)
    assert np.isnan(found[0]).all(axis=1).sum() == 1
