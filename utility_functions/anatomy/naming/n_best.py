"""The best sequences of a chain, best first, exactly."""

from __future__ import annotations

import heapq
from itertools import count
from typing import NamedTuple

import numpy as np

from utility_functions.anatomy.naming.forward_backward import best_rests
from utility_functions.anatomy.naming.sequence_model import Array, SequenceModel


class LevelSequence(NamedTuple):
    """The level's place per detection (-1: false), from the top down; the log of its weight; and the patient's size."""

    levels: tuple[int, ...]
    log_weight: float
    size: int


class _Partial(NamedTuple):
    taken: tuple[tuple[int, int], ...]  # (detection, level) so far
    weight: float
    size: int
    ended: bool


def best_sequences(chain: SequenceModel, number: int = 1) -> list[LevelSequence]:
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

    push(chain.none, _Partial((), chain.none, 0, True))
    begun = (chain.false_sums[:-1, None] + chain.start + chain.unary)[..., None] + chain.sizes  # (N, A, S)
    promised = begun + rests[:, 0]
    for i, a, s in _greatest(promised, wanted):
        push(promised[i, a, s], _Partial(((i, a),), float(begun[i, a, s]), s, False))

    found: dict[tuple[int, ...], LevelSequence] = {}
    while queue and len(found) < number:
        _, _, partial = heapq.heappop(queue)
        if partial.ended:
            levels = [-1] * detections
            for i, a in partial.taken:
                levels[i] = a
            found.setdefault(tuple(levels), LevelSequence(tuple(levels), partial.weight, partial.size))
            continue
        i, a = partial.taken[-1]
        s = partial.size
        ending = partial.weight + float(chain.end[a]) + chain.after(i)
        push(ending, _Partial(partial.taken, ending, s, True))
        if i + 1 == detections:
            continue
        earlier = partial.taken[-2][0] + 1 if len(partial.taken) > 1 else 0
        lower, rows = chain.table.below[a]
        with np.errstate(divide="ignore"):
            weights = np.log(chain.steps[i][rows, s] * chain.turns[i][a, :, earlier])
        weights += partial.weight + chain.between(i) + chain.unary[i + 1 :, lower].T  # (levels further down, later)
        promises = weights + rests[i + 1 :, i + 1, lower, s].T
        for g, k in _greatest(promises, wanted):
            step = (i + 1 + k, int(lower[g]))
            push(promises[g, k], _Partial((*partial.taken, step), float(weights[g, k]), s, False))
    return list(found.values())


def _greatest(values: Array, number: int) -> list[tuple[int, ...]]:
    """Indices of the ``number`` greatest of an array."""
    flat = values.ravel()
    places = np.argpartition(-flat, number)[:number] if len(flat) > number else np.arange(len(flat))
    return list(zip(*(axis.tolist() for axis in np.unravel_index(places, values.shape)), strict=True))
