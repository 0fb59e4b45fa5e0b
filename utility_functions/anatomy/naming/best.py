"""The best sequences of a chain, best first, exactly."""

from __future__ import annotations

import heapq
from itertools import count
from typing import NamedTuple

import numpy as np

from utility_functions.anatomy.naming.chain import Array, Chain
from utility_functions.anatomy.naming.passes import best_rests


class Sequence(NamedTuple):
    """The level's place per detection (-1: false), from the top down; the log of its weight; and the patient's size."""

    levels: tuple[int, ...]
    log_weight: float
    size: int


class _Partial(NamedTuple):
    taken: tuple[tuple[int, int], ...]  # (detection, level) so far
    weight: float
    size: int
    ended: bool


def best_sequences(chain: Chain, number: int = 1) -> list[Sequence]:
    """The ``number`` sequences of the greatest weight, each at the size of the patient that suits it best.

    Best-first search guided by the exact best rest of every beginning, so that only beginnings of the best are opened.
    """
    detections, sizes = len(chain.unary), len(chain.sizes)
    rests = best_rests(chain)
    wanted = number * sizes  # each sequence may turn up once per size
    ticket = count()
    queue: list[tuple[float, int, _Partial]] = []

    def push(promise: float, partial: _Partial) -> None:
        if promise > -np.inf:
            heapq.heappush(queue, (-promise, next(ticket), partial))

    nothing = float(chain.falses[-1]) + chain.nothing
    push(nothing, _Partial((), nothing, 0, True))
    for i in range(detections):
        begun = chain.falses[i] + (chain.start + chain.unary[i])[:, None] + chain.sizes  # (A, S)
        for a, s in _greatest(begun + rests[i][..., 0], wanted):
            push(begun[a, s] + rests[i][a, s, 0], _Partial(((i, a),), float(begun[a, s]), s, False))

    found: dict[tuple[int, ...], Sequence] = {}
    while queue and len(found) < number:
        _, _, partial = heapq.heappop(queue)
        if partial.ended:
            levels = [-1] * detections
            for i, a in partial.taken:
                levels[i] = a
            found.setdefault(tuple(levels), Sequence(tuple(levels), partial.weight, partial.size))
            continue
        i, a = partial.taken[-1]
        s = partial.size
        ending = partial.weight + float(chain.end[a]) + chain.after(i)
        push(ending, _Partial(partial.taken, ending, s, True))
        if i + 1 == detections:
            continue
        earlier = partial.taken[-2][0] + 1 if len(partial.taken) > 1 else 0
        down = min(len(chain.steps[i]), len(chain.start) - 1 - a)
        lower = slice(a + 1, a + 1 + down)
        weights = partial.weight + chain.turns[i][a, :, earlier] + chain.between(i) + chain.steps[i][:down, a, s]
        weights = weights + chain.unary[i + 1 :, lower].T  # (down, later)
        promises = weights + np.array([rests[k][lower, s, i + 1] for k in range(i + 1, detections)]).T
        for g, k in _greatest(promises, wanted):
            step = (i + 1 + k, a + 1 + g)
            push(promises[g, k], _Partial((*partial.taken, step), float(weights[g, k]), s, False))
    return list(found.values())


def _greatest(values: Array, number: int) -> list[tuple[int, int]]:
    """Indices of the ``number`` greatest of a matrix."""
    flat = values.ravel()
    places = np.argpartition(-flat, number)[:number] if len(flat) > number else np.arange(len(flat))
    return [(int(row), int(column)) for row, column in zip(*np.unravel_index(places, values.shape), strict=True)]
