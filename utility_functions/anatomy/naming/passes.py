"""Sums over all sequences of a chain, forwards and backwards, and the best rest of every beginning; in logarithms."""

from __future__ import annotations

import numpy as np

from utility_functions.anatomy.naming.chain import Array, Chain


def log_sum(values: Array, axis: int | tuple[int, ...] | None = None) -> Array:
    """Logarithm of the sum of exponentials; -inf where all are."""
    top = np.max(values, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(values - top), axis=axis)) + np.squeeze(top, axis=axis)


def forward(chain: Chain, unary: Array) -> tuple[list[Array], Array]:
    """Sums over all beginnings, and over whole sequences.

    unary: (masks, N, A), `Chain.unary` in as many forms as are asked for at once (-inf forbids a level).
    Gives per detection i (A, 1 + earlier ones, masks, S): all beginnings that end with level a at i and in which the
    detection before i in the chain is the given one (first place: none); and (masks,) the sum of all sequences.
    """
    masks, count, levels = unary.shape
    sizes = len(chain.sizes)
    sums = [np.full((levels, i + 1, masks, sizes), -np.inf) for i in range(count)]
    whole = [np.full(masks, chain.falses[-1] + chain.nothing)]
    with np.errstate(divide="ignore"):
        for i in range(count):
            own = unary[:, i].T[:, :, None]  # (A, masks, 1)
            sums[i][:, 0] = chain.falses[i] + chain.start[:, None, None] + own + chain.sizes
            top = _finite(sums[i].max(axis=1, keepdims=True))
            shares = np.exp(sums[i] - top)
            begun = np.log(shares.sum(axis=1)) + top[:, 0]  # (A, masks, S)
            whole.append(log_sum(begun + (chain.end + chain.after(i))[:, None, None], axis=(0, 2)))
            later = count - i - 1
            if not later:
                continue
            turned = np.log(np.matmul(chain.turn_weights[i], shares.reshape(levels, i + 1, -1)))
            turned = turned.reshape(levels, later, masks, sizes) + top
            top = _finite(turned.max(axis=0))
            shares = np.exp(turned - top)
            stepped = np.zeros_like(shares)
            for down, step in enumerate(chain.step_weights[i], start=1):
                stepped[down:] += shares[:-down] * step[:-down, :, None]
            arrived = np.log(stepped) + top + chain.between(i)[:, None, None] + unary[:, i + 1 :].T[..., None]
            for k in range(later):
                sums[i + 1 + k][:, i + 1] = arrived[:, k]
    return sums, log_sum(np.array(whole), axis=0)


def backward(chain: Chain) -> list[Array]:
    """Per detection i (A, 1 + earlier ones, S): the sum of all rests of a chain that has come so far."""
    levels, sizes = len(chain.start), len(chain.sizes)
    rests: list[Array] = [np.empty(0)] * len(chain.unary)
    with np.errstate(divide="ignore"):
        for i in reversed(range(len(chain.unary))):
            ending = np.broadcast_to((chain.end + chain.after(i))[:, None, None], (levels, i + 1, sizes))
            coming = _coming(chain, rests, i)
            if coming is None:
                rests[i] = ending.copy()
                continue
            top = _finite(coming.max(axis=0))
            shares, stepped = np.exp(coming - top), np.zeros_like(coming)
            for down, step in enumerate(chain.step_weights[i], start=1):
                stepped[:-down] += shares[down:] * step[:-down]
            going = np.log(stepped) + top  # (A, later, S)
            top = _finite(going.max(axis=1, keepdims=True))
            turned = np.matmul(chain.turn_weights[i].swapaxes(1, 2), np.exp(going - top))
            rests[i] = np.logaddexp(ending, np.log(turned) + top)
    return rests


def best_rests(chain: Chain) -> list[Array]:
    """As `backward`, with the best rest in place of the sum of all."""
    levels, sizes = len(chain.start), len(chain.sizes)
    rests: list[Array] = [np.empty(0)] * len(chain.unary)
    for i in reversed(range(len(chain.unary))):
        ending = np.broadcast_to((chain.end + chain.after(i))[:, None, None], (levels, i + 1, sizes))
        coming = _coming(chain, rests, i)
        if coming is None:
            rests[i] = ending.copy()
            continue
        going = np.full(coming.shape, -np.inf)
        for down, step in enumerate(chain.steps[i], start=1):
            np.maximum(going[:-down], coming[down:] + step[:-down], out=going[:-down])
        turned = (chain.turns[i][:, :, :, None] + going[:, :, None]).max(axis=1)
        rests[i] = np.maximum(ending, turned)
    return rests


def _coming(chain: Chain, rests: list[Array], i: int) -> Array | None:
    """(A, later ones, S): arriving at each later detection straight from i, and all that follows there."""
    later = range(i + 1, len(chain.unary))
    if not later:
        return None
    own = (chain.unary[i + 1 :] + chain.between(i)[:, None]).T[:, :, None]
    return np.stack([rests[k][:, i + 1] for k in later], axis=1) + own


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)
