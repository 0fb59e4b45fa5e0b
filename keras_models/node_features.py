"""The features of nodes in the naming network, from Keras layers, so that its model files load with Keras alone.

The nodes form an image of rows (the properties of a node) and columns (the nodes, from the top down). Cropping selects
rows, and shifting gives neighbours. All layers compute in float32, also in mixed precision.
"""

from __future__ import annotations

from math import log
from typing import Any

import keras
from keras import layers

STEP_M, OFFSET_M = 0.03, 0.02
"""Typical distances between bodies and from a body to a pedicle: the units of the features."""
ROWS = 15
NEIGHBOURS = (1, -1, 2, -2)
"""The offsets of the neighbours, in nodes, downwards."""
SHORTEST = 1e-4
"""The length of a zero vector, so that its gradient is finite."""
LOWEST = 0.004
"""Probabilities are clipped to this and to 1 minus this."""
TOUCHING = (0.0114, 0.0724, 0.46)
"""Where the tangents touch -log(x) that Newton's method starts from: at most 0.41 below it within the clipped range."""
NEWTON_STEPS = 4
"""The error after each step is about half the square of the last: 0.41, 0.073, 0.0026, 4e-6, then rounding alone."""


def node_features(nodes: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The features of each node from its neighbours, regions and pedicles; they do not depend on the spine's position.

    nodes (batch, 1, nodes, 15): present, position (m), probabilities of three regions, and per pedicle found and
    offset from the body (m); absent nodes are 0 and come last. Returns features (batch, nodes, 38), and 1 where a
    node is present (batch, nodes, 1).
    """
    x = _layer(layers.Permute, "rows", (3, 2, 1))(nodes)  # (batch, 15, nodes, 1)
    there = _rows(x, 0, 1, "there")
    steps = _steps(_rows(x, 1, 4, "place"), there)  # (batch, nodes, 20)
    regions = _regions(_rows(x, 4, 7, "regions"))  # (batch, 7, nodes, 1)
    pedicles = _pedicles(_rows(x, 7, 11, "left"), _rows(x, 11, 15, "right"))  # (batch, 11, nodes, 1)
    own = _layer(layers.Concatenate, "own_rows", axis=1)([regions, pedicles])
    own = _layer(layers.Permute, "own_by_node", (2, 3, 1))(own)
    own = _layer(layers.Reshape, "own", (-1, 18))(own)  # (batch, nodes, 18)
    there = _layer(layers.Reshape, "there_by_node", (-1, 1))(there)  # (batch, nodes, 1)
    every = _layer(layers.Concatenate, "every")([steps, own])
    return _layer(layers.Multiply, "of_nodes")([every, there]), there


def _steps(place: keras.KerasTensor, there: keras.KerasTensor) -> keras.KerasTensor:
    """Per neighbour: the vector to it, its length, and whether both nodes are present."""
    place = _layer(layers.Rescaling, "place_in_steps", 1 / STEP_M)(place)
    other, others = (
        _layer(layers.Concatenate, f"{name}_of_neighbours")([_shifted(x, way, name) for way in NEIGHBOURS])
        for x, name in ((place, "place"), (there, "there"))
    )  # (batch, 3, nodes, 4) and (batch, 1, nodes, 4)
    both = _layer(layers.Multiply, "both_there")([others, there])
    step = _layer(layers.Subtract, "step")([other, place])
    step = _layer(layers.Multiply, "step_of_both")([step, both])
    step = _layer(layers.Rescaling, "step_each", [1 / abs(way) for way in NEIGHBOURS])(step)
    length = _layer(layers.Multiply, "step_length_of_both")([_length(step, "step"), both])
    x = _layer(layers.Concatenate, "step_rows", axis=1)([step, length, both])  # (batch, 5, nodes, 4)
    x = _layer(layers.Permute, "steps_by_node", (2, 3, 1))(x)
    return _layer(layers.Reshape, "steps", (-1, 20))(x)


def _regions(probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """The probabilities, their log-odds, and whether any is known."""
    known = _layer(layers.AveragePooling2D, "region_mean", (3, 1))(probabilities)
    known = _layer(layers.Rescaling, "region_mean_raised", 1e30)(known)
    known = _layer(layers.ReLU, "region_known", 1.0)(known)  # (batch, 1, nodes, 1)
    above = _layer(layers.Rescaling, "region_less_lowest", 1.0, -LOWEST)(probabilities)
    above = _layer(layers.ReLU, "region_above_lowest", 1 - 2 * LOWEST)(above)
    sure = _layer(layers.Rescaling, "region_for", 1.0, LOWEST)(above)
    against = _layer(layers.Rescaling, "region_against", -1.0, 1 - LOWEST)(above)
    x = _minus_log(_layer(layers.Concatenate, "region_for_and_against", axis=1)([sure, against]))
    odds = _layer(layers.Subtract, "region_odds")([_rows(x, 3, 6, "log_against"), _rows(x, 0, 3, "log_for")])
    odds = _layer(layers.Multiply, "region_odds_known")([odds, known])
    odds = _layer(layers.Rescaling, "region_odds_scaled", 1 / 4)(odds)
    return _layer(layers.Concatenate, "region_rows", axis=1)([probabilities, odds, known])


def _pedicles(left: keras.KerasTensor, right: keras.KerasTensor) -> keras.KerasTensor:
    """Found and offset of both pedicles, whether both are found, and the deviations of their distance and midpoint."""
    rows, found, places = [], [], []
    for x, side in ((left, "left"), (right, "right")):
        found.append(_rows(x, 0, 1, f"{side}_found"))
        place = _rows(x, 1, 4, f"{side}_place")
        places.append(_layer(layers.Rescaling, f"{side}_place_scaled", 1 / OFFSET_M)(place))
        rows += [found[-1], places[-1]]
    paired = _layer(layers.Multiply, "paired")(found)  # (batch, 1, nodes, 1)
    between = _layer(layers.Subtract, "between")([places[1], places[0]])
    middle = _layer(layers.Average, "middle")(places)
    x = _layer(layers.Concatenate, "between_and_middle")([between, middle])  # (batch, 3, nodes, 2)
    x = _length(_layer(layers.Multiply, "of_pairs")([x, paired]), "pair")  # (batch, 1, nodes, 2)
    x = _layer(layers.Subtract, "beyond_usual")([x, paired])
    x = _layer(layers.Permute, "beyond_usual_rows", (3, 2, 1))(x)
    return _layer(layers.Concatenate, "pedicle_rows", axis=1)([*rows, paired, x])


def _rows(x: keras.KerasTensor, first: int, last: int, name: str) -> keras.KerasTensor:
    """Some of the rows (batch, rows, nodes, any)."""
    return _layer(layers.Cropping2D, name, ((first, x.shape[1] - last), (0, 0)))(x)


def _shifted(x: keras.KerasTensor, way: int, name: str) -> keras.KerasTensor:
    """Each node's neighbour so many places further down (negative: up), 0 where there is none."""
    name = f"{name}_{'down' if way > 0 else 'up'}{abs(way)}"
    down, up = max(way, 0), max(-way, 0)
    x = _layer(layers.ZeroPadding2D, f"{name}_room", ((0, 0), (up, down)))(x)
    return _layer(layers.Cropping2D, name, ((0, 0), (down, up)))(x)


def _length(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """sqrt(x^2 + y^2 + z^2 + SHORTEST^2) of three rows (batch, 3, nodes, any): the product with the unit vector."""
    shortest = _layer(layers.Rescaling, f"{name}_shortest", 0.0, SHORTEST)(_rows(x, 0, 1, f"{name}_x"))
    x = _layer(layers.Concatenate, f"{name}_vector", axis=1)([x, shortest])  # (batch, 4, nodes, any)
    unit = _layer(layers.UnitNormalization, f"{name}_unit", axis=1)(x)
    x = _layer(layers.Multiply, f"{name}_products")([x, unit])
    x = _layer(layers.AveragePooling2D, f"{name}_mean_product", (4, 1))(x)
    return _layer(layers.Rescaling, f"{name}_length", 4.0)(x)


def _minus_log(x: keras.KerasTensor) -> keras.KerasTensor:
    """-log(x) of x between LOWEST and 1. Keras has no logarithm layer, so Newton's method solves x e^y = 1."""
    tangents = [
        _layer(layers.Rescaling, f"log_tangent{step}", -1 / at, 1 - log(at))(x) for step, at in enumerate(TOUCHING)
    ]
    y = _layer(layers.Maximum, "log_begin")(tangents)
    for step in range(NEWTON_STEPS):
        product = _layer(layers.Activation, f"log_exp{step}", "exponential")(y)
        product = _layer(layers.Multiply, f"log_product{step}")([x, product])
        less = _layer(layers.Rescaling, f"log_less{step}", -1.0, 1.0)(product)
        y = _layer(layers.Add, f"log_step{step}")([y, less])
    return y


def _layer(kind: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    return kind(*args, **kwargs, dtype="float32", name=f"features_{name}")
