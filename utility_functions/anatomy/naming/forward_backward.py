"""Sums over all sequences of a chain, forwards and backwards, and the best rest of every beginning.

Sums are weights with the logarithm of their scale, one scale per detection and size of the patient, so that no step
takes logarithms of whole arrays. What is 10^300 times less likely than the best at its detection counts as 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.naming.sequence_model import Array, SequenceModel

LEAST = 1e-300
TURNED = 180
"""About so many bends are computed at once in the best rests."""


class Scaled(NamedTuple):
    """Weights per detection i (1 + earlier ones, A, ..), and the logarithms of what they are to be multiplied by."""

    weights: list[Array]
    scales: Array


def log_sum(values: Array, axis: int | tuple[int, ...] | None = None) -> Array:
    """Logarithm of the sum of exponentials; -inf where all are."""
    top = np.maximum(np.max(values, axis=axis, keepdims=True, initial=-np.inf), -1e300)
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(values - top), axis=axis)) + np.squeeze(top, axis=axis)


def forward(chain: SequenceModel, unary: Array) -> tuple[Scaled, Array]:
    """Sums over all beginnings, and over whole sequences.

    unary: (masks, N, A), several variants of `SequenceModel.unary` at once (-inf forbids a level).
    Returns all beginnings that end with level a at detection i and in which the detection before i in the chain is the
    given one (first place: none), as weights (1 + earlier ones, A, masks, S) per detection with scales (N, masks, S);
    and the logarithm of the sum of all sequences (masks,).
    """
    masks, count, levels = unary.shape
    sizes = len(chain.sizes)
    everything, places = _triangle(count, (levels, masks, sizes))
    weights, scales = np.split(everything, places[1:]), np.empty((count, masks, sizes))
    own = np.repeat(np.exp(unary).transpose(2, 0, 1)[:, :, None], sizes, axis=2)  # (A, masks, S, N)
    most = _finite(chain.start.max())
    start, end = np.exp(chain.start - most)[:, None, None, None], np.exp(chain.end)
    begun = np.empty((count, levels, masks, sizes))
    offsets, tops = np.empty((count + 1, masks, sizes)), np.empty((count, count + 1, masks, sizes))
    offsets[0] = chain.sizes + most  # of what came from each earlier one, less the false detections up to there

    def arrive(sums: Array, earlier: int) -> None:
        """Keep what comes from one earlier detection (or none) to all later ones (A, masks, S, later)."""
        sums *= own[..., earlier:]
        tops[earlier:, earlier] = sums.max(axis=0).transpose(2, 0, 1)
        everything[places[earlier:] + earlier] = sums.transpose(3, 0, 1, 2)

    arrive(np.broadcast_to(start, own.shape).copy(), 0)
    for i in range(count):
        here = weights[i]
        factor, scales[i] = _common_scale(tops[i, : i + 1], offsets[: i + 1] + chain.false_sums[i])
        here *= factor[:, None]
        here.sum(axis=0, out=begun[i])
        if i + 1 < count:
            offsets[i + 1] = scales[i] - chain.false_sums[i + 1]
            going = here.reshape(i + 1, levels, -1).transpose(1, 2, 0)
            turned = np.matmul(going, chain.turns[i].swapaxes(1, 2)).reshape(levels, masks, sizes, -1)
            stepped, steps = np.zeros_like(turned), chain.steps[i][:, None]
            for down, upper, rows in chain.table.reach:
                stepped[upper.start + down : upper.stop + down] += turned[upper] * steps[rows]
            arrive(stepped, i + 1)
    with np.errstate(divide="ignore"):
        ended = np.log(np.tensordot(begun, end, (1, 0))) + scales
    ended += (chain.false_sums[-1] - chain.false_sums[1:])[:, None, None]
    return Scaled(weights, scales), np.logaddexp(log_sum(ended, axis=(0, 2)), chain.none)


def backward(chain: SequenceModel) -> Scaled:
    """The sum of all rests of a chain that has reached the state of `forward`: weights (1 + earlier ones, A, S) per
    detection with scales (N, S)."""
    count, levels, sizes = len(chain.unary), len(chain.start), len(chain.sizes)
    everything, places = _triangle(count, (levels, sizes))
    weights, scales = np.split(everything, places[1:]), np.empty((count, sizes))
    own = np.exp(chain.unary).T[:, None]  # (A, 1, N)
    most = _finite(chain.end.max())
    end = np.exp(chain.end - most)[:, None]
    for i in reversed(range(count)):
        here = weights[i]
        if i + 1 == count:
            here[...], scales[i] = end, most
            continue
        coming = np.multiply(everything[places[i + 1 :] + i + 1].transpose(1, 2, 0), own[..., i + 1 :], order="C")
        factor, top = _common_scale(coming.max(axis=0).T, scales[i + 1 :] + chain.between(i)[:, None])
        coming *= factor.T
        going = np.zeros_like(coming)
        for down, upper, rows in chain.table.reach:
            going[upper] += coming[upper.start + down : upper.stop + down] * chain.steps[i][rows]
        turned = np.matmul(going, chain.turns[i])  # (A, S, 1 + earlier)
        ending = np.full(sizes, most + chain.after(i))
        factor, scales[i] = _common_scale(
            np.stack([turned.max(axis=(0, 2)), np.full(sizes, end.max())]), np.stack([top, ending])
        )
        np.multiply(turned.transpose(2, 0, 1), factor[0], out=here)
        here += end * factor[1]
    return Scaled(weights, scales)


def posterior(sums: Scaled, rests: Scaled, total: float) -> Array:
    """Probability of each level at each detection (N, A), from the first mask of `forward`, and `backward`."""
    count, levels, sizes = len(sums.weights), sums.weights[0].shape[1], sums.scales.shape[2]
    logs = np.empty((count, levels, sizes))
    with np.errstate(divide="ignore"):
        for i in range(count):
            begun, rest = sums.weights[i][:, :, 0], rests.weights[i]
            tops = begun.max(axis=0), rest.max(axis=0)  # a level's own, so that no product underflows
            begun, rest = (each / np.maximum(top, LEAST) for each, top in zip((begun, rest), tops, strict=True))
            begun *= rest
            logs[i] = np.log(begun.sum(axis=0)) + np.log(tops[0]) + np.log(tops[1])
    return np.asarray(np.exp(logs + (sums.scales[:, 0] + rests.scales - total)[:, None]).sum(axis=2))


def best_rests(chain: SequenceModel) -> Array:
    """As `backward`, with the best rest in place of the sum of all: logarithms (N, N + 1, A, S). Entries for later
    detections in the place of earlier ones are undefined."""
    count, levels, sizes = len(chain.unary), len(chain.start), len(chain.sizes)
    everything = np.empty((count, count + 1, levels, sizes))
    for i in reversed(range(count)):
        here = everything[i, : i + 1]
        here[...] = (chain.end + chain.after(i))[:, None]
        if i + 1 == count:
            continue
        own = (chain.unary[i + 1 :] + chain.between(i)[:, None]).T[:, None]
        coming = np.add(everything[i + 1 :, i + 1].transpose(1, 2, 0), own, order="C")  # (A, S, later)
        going = np.full(coming.shape, -np.inf)
        with np.errstate(divide="ignore"):
            steps = np.log(chain.steps[i])
        for down, upper, rows in chain.table.reach:
            arrived = coming[upper.start + down : upper.stop + down] + steps[rows]
            np.maximum(going[upper], arrived, out=going[upper])
        later = np.ascontiguousarray(going.transpose(2, 1, 0))[:, None]  # (later, 1, S, A)
        turns = np.ascontiguousarray(np.log(chain.turns[i]).transpose(1, 2, 0))[:, :, None]  # (later, .., 1, A)
        at_once = max(1, TURNED // len(later))
        for first in range(0, i + 1, at_once):
            some = slice(first, min(first + at_once, i + 1))
            np.maximum(here[some], (later + turns[:, some]).max(axis=0).swapaxes(1, 2), out=here[some])
    return everything


def _triangle(count: int, shape: tuple[int, ...]) -> tuple[Array, NDArray[np.int_]]:
    """Room for an array of this shape per detection and per earlier one or none, and where each detection's begins."""
    places = np.arange(count) * np.arange(1, count + 1) // 2
    return np.empty((count * (count + 1) // 2, *shape)), places


def _common_scale(tops: Array, offsets: Array) -> tuple[Array, Array]:
    """What weights of several scales (logarithms ``offsets``) are multiplied by to stand on one, on which the greatest
    of all, of which ``tops`` are the greatest of each, is 1; and that scale. Scales stand along the first axis."""
    with np.errstate(divide="ignore"):
        logs = np.log(tops)
    logs += offsets
    scale = logs.max(axis=0)
    logs -= np.maximum(scale, -1e300)
    factor = np.exp(logs, out=logs)
    factor /= np.maximum(tops, LEAST)
    return factor, scale


def _finite(value: float) -> float:
    return float(value) if np.isfinite(value) else 0.0
