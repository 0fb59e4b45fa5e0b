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
    Gives per detection i (A, masks, S, 1 + earlier ones): all beginnings that end with level a at i and in which the
    detection before i in the chain is the given one (first place: none); and (masks,) the sum of all sequences.
    """
    masks, count, levels = unary.shape
    sizes = len(chain.sizes)
    everything = np.empty((count, levels, masks, sizes, count + 1))  # written once, before it is read
    sums = [everything[i, ..., : i + 1] for i in range(count)]
    whole = [np.full(masks, chain.falses[-1] + chain.nothing)]
    with np.errstate(divide="ignore"):
        for i in range(count):
            own = unary[:, i].T[:, :, None]  # (A, masks, 1)
            sums[i][..., 0] = chain.falses[i] + chain.start[:, None, None] + own + chain.sizes
            top = sums[i].max(axis=3, keepdims=True)
            finite = _finite(top)
            shares = np.exp(sums[i] - finite)
            begun = np.log(shares.sum(axis=3)) + finite[..., 0]  # (A, masks, S)
            whole.append(log_sum(begun + (chain.end + chain.after(i))[:, None, None], axis=(0, 2)))
            later = count - i - 1
            if not later:
                continue
            highest = _finite(top.max(axis=0))
            shares *= np.exp(top - highest)
            turned = np.matmul(shares.reshape(levels, -1, i + 1), chain.turn_weights[i].swapaxes(1, 2))
            turned = turned.reshape(levels, masks, sizes, later)
            stepped = np.zeros_like(turned)
            for down, step in enumerate(chain.step_weights[i], start=1):
                stepped[down:] += turned[:-down] * step[:-down, None]
            np.log(stepped, out=stepped)
            stepped += highest + chain.between(i)
            stepped += unary[:, i + 1 :].transpose(2, 0, 1)[:, :, None]
            everything[i + 1 :, ..., i + 1] = np.moveaxis(stepped, 3, 0)
    return sums, log_sum(np.array(whole), axis=0)


def backward(chain: Chain) -> list[Array]:
    """Per detection i (A, S, 1 + earlier ones): the sum of all rests of a chain that has come so far."""
    levels, sizes = len(chain.start), len(chain.sizes)
    everything = np.empty((len(chain.unary), levels, sizes, len(chain.unary) + 1))
    with np.errstate(divide="ignore"):
        for i in reversed(range(len(chain.unary))):
            rests = everything[i, ..., : i + 1]
            rests[...] = (chain.end + chain.after(i))[:, None, None]
            coming = _coming(chain, everything, i)
            if not coming.shape[2]:
                continue
            top = _finite(coming.max(axis=0))
            steps = chain.step_weights[i]
            going = (_below(np.exp(coming - top), len(steps), 0.0) * steps).sum(axis=0)  # (A, S, later)
            np.log(going, out=going)
            going += top
            top = _finite(going.max(axis=2, keepdims=True))
            turned = np.matmul(np.exp(going - top), chain.turn_weights[i])
            np.log(turned, out=turned)
            turned += top
            np.logaddexp(rests, turned, out=rests)
    return [everything[i, ..., : i + 1] for i in range(len(chain.unary))]


def best_rests(chain: Chain) -> list[Array]:
    """As `backward`, with the best rest in place of the sum of all."""
    levels, sizes = len(chain.start), len(chain.sizes)
    everything = np.empty((len(chain.unary), levels, sizes, len(chain.unary) + 1))
    for i in reversed(range(len(chain.unary))):
        rests = everything[i, ..., : i + 1]
        rests[...] = (chain.end + chain.after(i))[:, None, None]
        coming = _coming(chain, everything, i)
        if not coming.shape[2]:
            continue
        steps = chain.steps[i]
        going = (_below(coming, len(steps), -np.inf) + steps).max(axis=0, initial=-np.inf)
        for k, turn in enumerate(chain.turns[i].transpose(1, 0, 2)):
            np.maximum(rests, going[:, :, k, None] + turn[:, None], out=rests)
    return [everything[i, ..., : i + 1] for i in range(len(chain.unary))]


def _coming(chain: Chain, rests: Array, i: int) -> Array:
    """(A, S, later ones): arriving at each later detection straight from i, and all that follows there."""
    own = (chain.unary[i + 1 :] + chain.between(i)[:, None]).T[:, None]
    return np.moveaxis(rests[i + 1 :, ..., i + 1], 0, 2) + own


def _below(values: Array, places: int, beyond: float) -> Array:
    """(places, A, ...): per level what stands one place further down, two, .. ; ``beyond`` below the last level."""
    padded = np.concatenate([values, np.full((places, *values.shape[1:]), beyond)])
    stride = padded.strides
    shape = (places, *values.shape)
    return np.lib.stride_tricks.as_strided(padded[1:], shape, (stride[0], *stride), writeable=False)


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)
