"""How likely each class is at each voxel of an upright image, and the likeliest ones on the scan's own voxels."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.running.sliding_window import run_published, run_tiles
from learning_functions.task import Running, Settings
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume

Shares = NDArray[np.float16]


TIE = 1e-4
"""By how much a class must be likelier than one before it, so that equal ones stay equal however a scan is stored."""


SLAB_VOXELS = 4_000_000
SMALLEST = 1e-4
"""Shares below this count as none: numpy takes ten times as long for what is too small for a whole float16."""


def class_shares(network: keras.Model, image: Volume, settings: Settings, running: Running, air: float) -> Shares:
    """Probabilities (x, y, z, classes), in tiles with a margin of a quarter patch or in the published windows.

    Round what is no background, the mean over the image and its mirror image, left for right, where networks of these
    settings learn from both (the presets but `paper`), and not in the published windows.
    """
    voxels, patch = image.voxels[..., None], settings.spec.patch
    if running.windows == "published":
        return run_published(network, voxels, patch, _halved, air).astype(np.float16)
    margin = [size // 4 for size in patch]
    shares = run_tiles(network, voxels, margin, running.memory_gb, _halved, air).astype(np.float16, copy=False)
    if settings.options.get("augment", "none") == "none":
        return shares
    inner = ndimage.find_objects(_near(shares).astype(np.uint8))
    if inner:
        outer = tuple(slice(max(a.start - m, 0), a.stop + m) for a, m in zip(inner[0], margin, strict=True))
        mirrored = np.ascontiguousarray(voxels[outer][::-1])
        other = run_tiles(network, mirrored, margin, running.memory_gb, _halved, air)[::-1]
        kept = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner[0], outer, strict=True))
        shares[inner[0]] = _halved((shares[inner[0]] + other[kept].astype(np.float32)) / 2)
    return shares


def likeliest_on(shares: Shares, grid: Grid, target: Grid) -> LabelMap:
    """The likeliest class at each voxel of ``target``, from shares (x, y, z, classes) on ``grid``, in between linearly.

    Classes themselves, taken from the nearest voxel, would have steps as large as the network's voxels. Where nothing
    but the first class, the background, is near, nothing is worked out.
    """
    found = np.zeros(target.shape, np.uint8)
    for box in ndimage.find_objects(_near(shares).astype(np.uint8)):
        part = _part(grid, box)
        every = [
            Volume(np.ascontiguousarray(each.astype(np.float32)), part) for each in np.moveaxis(shares[box], -1, 0)
        ]
        for there in _slabs(_shown(box, grid, target)):
            wanted, own = _part(target, there), found[there]
            best = np.full(wanted.shape, -1.0, np.float32)
            for code, share in enumerate(every):
                seen = resample(share, wanted, fill=float(code == 0)).voxels
                likelier = seen > best + TIE
                own[likelier], best[likelier] = code, seen[likelier]
    return LabelMap(found, target)


def instances_on(whose: NDArray[np.uint8], shares: Shares, grid: Grid, target: Grid) -> LabelMap:
    """Labels at each voxel of ``target``, from one label per voxel of ``grid`` and how likely it is there.

    whose: (x, y, z), 0 nobody's; shares: (x, y, z), also below one half, so that borders lie between voxels. In between
    linearly: a voxel belongs to somebody where all together are likelier than none, and then to the likeliest.
    """
    found = np.zeros(target.shape, np.uint8)
    places = {number: _wider(box) for number, box in enumerate(ndimage.find_objects(whose), start=1) if box is not None}
    for box in ndimage.find_objects((whose > 0).astype(np.uint8)):
        for slab in _slabs(_shown(_wider(box), grid, target)):
            best, total = (np.zeros(found[slab].shape, np.float32) for _ in range(2))
            for number, place in places.items():
                there = _shared(_shown(place, grid, target), slab)
                if not found[there].size:
                    continue
                share = np.where(whose[place] == number, shares[place], 0).astype(np.float32)
                part = grid.window([a.start for a in place], share.shape)
                seen = resample(Volume(share, part), _part(target, there), fill=0.0).voxels
                inside = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(there, slab, strict=True))
                total[inside] += seen
                likelier = seen > best[inside] + TIE
                best[inside][likelier], found[there][likelier] = seen[likelier], number
            found[slab][total <= 0.5 + TIE] = 0
    return LabelMap(found, target)


def _slabs(box: tuple[slice, ...]) -> Iterator[tuple[slice, ...]]:
    """A box in slabs across its longest axis of about SLAB_VOXELS, so that no float of every voxel is in memory."""
    sizes = [a.stop - a.start for a in box]
    axis = int(np.argmax(sizes))
    step = max(SLAB_VOXELS * sizes[axis] // max(int(np.prod(sizes)), 1), 1)
    for start in range(box[axis].start, box[axis].stop if min(sizes) else 0, step):
        yield (*box[:axis], slice(start, min(start + step, box[axis].stop)), *box[axis + 1 :])


def _shared(one: tuple[slice, ...], other: tuple[slice, ...]) -> tuple[slice, ...]:
    """What lies in both of two boxes, maybe nothing."""
    lows = [max(a.start, b.start) for a, b in zip(one, other, strict=True)]
    highs = [min(a.stop, b.stop) for a, b in zip(one, other, strict=True)]
    return tuple(slice(low, max(low, high)) for low, high in zip(lows, highs, strict=True))


def _wider(box: tuple[slice, ...]) -> tuple[slice, ...]:
    return tuple(slice(max(a.start - 1, 0), a.stop + 1) for a in box)


def _part(grid: Grid, box: tuple[slice, ...]) -> Grid:
    return grid.window([a.start for a in box], [a.stop - a.start for a in box])


def _shown(box: tuple[slice, ...], grid: Grid, target: Grid) -> tuple[slice, ...]:
    """The part of ``target`` that holds a box of ``grid``."""
    inside = target.to_index(_part(grid, box).corners_mm())
    low = np.clip(np.floor(inside.min(axis=0)).astype(int), 0, target.shape)
    high = np.clip(np.ceil(inside.max(axis=0)).astype(int) + 1, low, target.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _near(shares: Shares) -> NDArray[np.bool_]:
    """Where something else than the background is likeliest, and two voxels round it."""
    near: NDArray[np.bool_] = ndimage.binary_dilation(shares.argmax(axis=-1) > 0, iterations=2)
    return near


def _halved(probabilities: NDArray[np.float32]) -> Shares:
    return np.where(probabilities < SMALLEST, 0, probabilities).astype(np.float16)
