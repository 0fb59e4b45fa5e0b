"""How likely each class is at each voxel of an upright image, and the likeliest ones on the scan's own voxels."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.sliding_window import run_published, run_tiles
from learning_functions.task import Running, Settings
from learning_functions.task_options import MirroredOptions
from utility_functions.geometry.boxes import box_around, part_of, seen_from, slabs, widened
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume

Shares = NDArray[np.float16]
TIE = 1e-4
"""By how much a class must be likelier than one before it, so that equal ones stay equal however a scan is stored."""
SLAB_VOXELS = 4_000_000
"""Voxels of a scan worked on at once, so that no number of every voxel and class is in memory."""
SMALLEST = 1e-4
"""Shares below this count as none: numpy takes ten times as long for what is too small for a whole float16."""


def class_shares(
    network: keras.Model, image: Volume, settings: Settings[MirroredOptions], running: Running, air: float
) -> Shares:
    """Probabilities (x, y, z, classes), in tiles with a margin of a quarter patch or in the published windows.

    Round what is no background, the mean over the image and its mirror image, left for right, where the settings say so
    (``mirrored_inference``), and not in the published windows.
    """
    voxels, patch = image.voxels[..., None], settings.spec.patch
    if running.windows == "published":
        return run_published(network, voxels, patch, _halved, air).astype(np.float16)
    margin = [size // 4 for size in patch]
    shares = run_tiles(network, voxels, margin, running.memory_gb, _halved, air).astype(np.float16, copy=False)
    if not settings.options.mirrored_inference:
        return shares
    for box in ndimage.find_objects(_near(shares).astype(np.uint8)):
        outer = widened(box, *margin)
        mirrored = np.ascontiguousarray(voxels[outer][::-1])
        other = run_tiles(network, mirrored, margin, running.memory_gb, _halved, air)[::-1]
        shares[box] = _halved((shares[box] + other[seen_from(box, outer)].astype(np.float32)) / 2)
    return shares


def likeliest_on(shares: Shares, grid: Grid, target: Grid) -> LabelMap:
    """The likeliest class at each voxel of ``target``, from shares (x, y, z, classes) on ``grid``, in between linearly.

    Classes themselves, taken from the nearest voxel, would have steps as large as the network's voxels. Where nothing
    but the first class, the background, is near, nothing is worked out.
    """
    found = np.zeros(target.shape, np.uint8)
    for box in ndimage.find_objects(_near(shares).astype(np.uint8)):
        part = part_of(grid, box)
        classes = np.moveaxis(shares[box], -1, 0).astype(np.float32)
        every = [Volume(np.ascontiguousarray(share), part) for share in classes]
        for slab in slabs(box_around(part, target), SLAB_VOXELS):
            wanted, own = part_of(target, slab), found[slab]
            best = np.full(wanted.shape, -1.0, np.float32)
            for code, share in enumerate(every):
                seen = resample(share, wanted, fill=float(code == 0)).voxels
                likelier = seen > best + TIE
                own[likelier], best[likelier] = code, seen[likelier]
    return LabelMap(found, target)


def _near(shares: Shares) -> NDArray[np.bool_]:
    """Where something else than the background is likeliest, and two voxels round it."""
    near: NDArray[np.bool_] = ndimage.binary_dilation(shares.argmax(axis=-1) > 0, iterations=2)
    return near


def _halved(probabilities: NDArray[np.float32]) -> Shares:
    return np.where(probabilities < SMALLEST, 0, probabilities).astype(np.float16)
