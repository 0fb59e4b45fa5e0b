"""Reading of samples: the store, its compressed formats and fancy indexing, against a copy from numpy.memmap.

All formats read the same samples in the same shuffled batches, in turn, from a warm page cache. The cast and the
augmentation are not timed: they run in parallel with training.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import open_store
from learning_functions.samples.store.sample_writer import COMPRESSIONS, SampleWriter
from learning_functions.spec import Spec

BATCH = 8
TARGET = 0.7
SHAPES = {"patches 40x40x48": (40, 40, 48, 1), "patches 64x64x80": (64, 64, 80, 1), "slices 80x160x8": (80, 160, 8)}


def smooth_samples(count: int, shape: tuple[int, ...]) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Samples with the smoothness and noise of CT, and masks: (count, *shape) and (count, *shape without channels)."""
    rng = np.random.default_rng(1)
    image_shape = shape if shape[-1] > 1 else shape[:-1]
    kinds = [ndimage.gaussian_filter(rng.normal(size=image_shape), 3) for _ in range(4)]
    smooth = np.stack([kinds[number % 4] / kinds[number % 4].std() for number in range(count)])
    inputs = np.clip(100 + 300 * smooth + rng.normal(scale=20, size=smooth.shape), -1024, 2000).astype(np.int16)
    masks = (smooth if shape[-1] == 1 else smooth[..., shape[-1] // 2]) > 1
    return inputs.reshape(count, *shape), masks.astype(np.uint8)


def written(folder: Path, inputs: NDArray[np.int16], targets: NDArray[np.uint8], compression: str) -> Path:
    path = folder / f"{compression}.h5"
    spec = Spec((1, 1, 1), "RAS", inputs.shape[1:4], inputs.shape[-1], ("vertebra",))
    with SampleWriter(path, task="benchmark", spec=spec, compression=compression) as writer:
        for number in range(len(inputs)):
            writer.append(inputs[number], targets[number], normalisation=(0, 1), case_id="a")
    return path


def memmap_copy(folder: Path, inputs: NDArray[np.int16], targets: NDArray[np.uint8]) -> Callable[..., None]:
    arrays = []
    for name, values in (("inputs", inputs), ("targets", targets)):
        np.save(folder / f"{name}.npy", values)
        arrays.append(np.load(folder / f"{name}.npy", mmap_mode="r"))

    def read(indices: NDArray[Any], inputs: NDArray[Any], targets: NDArray[Any]) -> None:
        for row, index in enumerate(indices):
            inputs[row] = arrays[0][index]
            targets[row] = arrays[1][index]

    return read


def fancy(path: Path) -> Callable[..., None]:
    file = h5py.File(path, "r")

    def read(indices: NDArray[Any], inputs: NDArray[Any], targets: NDArray[Any]) -> None:
        rank = np.argsort(indices)  # HDF5 needs rising indices
        inputs[rank] = file["inputs"][indices[rank]]
        targets[rank] = file["targets"][indices[rank]]

    return read


def side_by_side(
    readers: dict[str, Callable[..., None]], order: NDArray[Any], shape: tuple[int, ...], repeats: int
) -> dict[str, float]:
    """The median seconds per sample of each reader; they run in turn, and the first run is not timed."""
    inputs = np.empty((BATCH, *shape), np.int16)
    targets = np.empty((BATCH, *shape[:-1]), np.uint8)
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(repeats + 1):
        for name, read in readers.items():
            started = time.perf_counter()
            for first in range(0, len(order), BATCH):
                read(order[first : first + BATCH], inputs, targets)
            seconds[name].append((time.perf_counter() - started) / len(order))
    return {name: float(np.median(values[1:])) for name, values in seconds.items()}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=25)
    arguments = parser.parse_args(argv)
    count = max(arguments.samples // BATCH, 1) * BATCH
    order = np.random.default_rng(2).permutation(count)
    for title, shape in SHAPES.items():
        inputs, targets = smooth_samples(count, shape)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            paths = {kind: written(folder, inputs, targets, kind) for kind in COMPRESSIONS}
            reference = memmap_copy(folder, inputs, targets)
            stores = {f"store, {kind}": SampleReader(open_store(path)).read for kind, path in paths.items()}
            fast = {"memmap copy": reference, "store, none": stores.pop("store, none")}
            seconds = side_by_side(fast, order, shape, arguments.repeats)
            ratio = seconds["memmap copy"] / seconds["store, none"]
            slow = stores | {f"fancy indexing, {kind}": fancy(paths[kind]) for kind in ("none", "gzip")}
            seconds |= side_by_side(slow, order[: 2 * BATCH], shape, 3)
            megabytes = {kind: path.stat().st_size / 1e6 for kind, path in paths.items()}
        print(f"{title}, {count} samples, batches of {BATCH}:")
        for name, value in seconds.items():
            size = megabytes.get(name.split(", ")[-1], (inputs.nbytes + targets.nbytes) / 1e6)
            fraction = seconds["memmap copy"] / value
            print(f"  {name:22s} {1 / value:9.0f} samples/s  {fraction:6.1%} of a memmap copy  {size:6.1f} MB")
        print(f"  uncompressed, {ratio:.0%} of a memmap copy (floor {TARGET:.0%})")


if __name__ == "__main__":
    main()
