"""The input pipeline of training against one that reads one batch after another and changes one sample at a time.

Both give batches of 48x64x64 voxels without augmentation, with standard and with synth augmentation, in turns in one
process, on two cores. The reference is the pipeline as it was before samples were changed by compiled loops: eight
corners of each cell side by side, then one gather; a normal number drawn for each voxel of noise.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")

import h5py
import numpy as np
import tensorflow as tf
from scipy import ndimage

from learning_functions.samples.augment.appearance import EDGE_VOXELS, Appearance
from learning_functions.samples.augment.augmentation import Augmentation
from learning_functions.samples.augment.tissue_prior import DARK, KIND_NAMES, prior_of
from learning_functions.samples.augment.warping import spline_basis
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.spec import OUTSIDE, Spec
from utility_functions.phantom.tissue import TISSUES

SHAPE, SPACING_MM, BATCH, FLOOR = (48, 64, 64), (2.0, 2.0, 2.0), 4, 3.0
KINDS = ("none", "standard", "synth")
FIRST = 6
"""Batches before the clock runs: the pipeline starts its threads and compiles."""


def stored(path: Path, count: int) -> SampleStore:
    """Samples with the smoothness and noise of CT, a mask, and a tissue map."""
    rng = np.random.default_rng(1)
    smooth = [ndimage.gaussian_filter(rng.normal(size=SHAPE), 3) for _ in range(4)]
    spec = Spec(SPACING_MM, "RAS", SHAPE, 1, ("background", "vertebra"))
    with SampleWriter(path, task="benchmark", spec=spec, tissue_names=TISSUES) as writer:
        for number in range(count):
            plain = np.roll(smooth[number % 4] / smooth[number % 4].std(), number, axis=2)
            image = np.clip(100 + 300 * plain + rng.normal(scale=20, size=SHAPE), -1024, 2000).astype(np.int16)
            tissues = np.clip((plain + 3) / 6 * len(TISSUES), 0, len(TISSUES) - 1).astype(np.uint8)
            writer.append(
                image[..., None],
                (plain > 1).astype(np.uint8),
                normalisation=(0.0, 1e-3),
                case_id=str(number),
                tissues=tissues[..., None],
            )
    return open_store(path)


class OneByOne:
    """Standard or synth augmentation of one sample after another, with the probabilities and amounts of ``like``."""

    def __init__(self, like: Augmentation) -> None:
        self.like = like

    def __call__(self, x: Any, y: Any, seed: Any, fill: Any, tissues: Any, normalisation: Any) -> tuple[Any, Any]:
        like, look = self.like, self.like.appearance
        seeds = tf.unstack(tf.random.split(seed, 7))
        chance = tf.unstack(tf.random.stateless_uniform([6], seeds[0]))
        look_seed = tf.random.fold_in(seed, 1)
        parts = (x, y) if look is None else (x, y, tissues)
        given = parts
        parts = tf.cond(chance[0] < like.flip, lambda: tuple(tf.reverse(each, [0]) for each in given), lambda: given)
        turned, bent = chance[1] < like.turn, chance[2] < like.elastic
        seen = tf.constant(True) if look is None else chances_of(look_seed)[0] < look.kept + look.mixed
        flipped = parts
        parts = tf.cond(turned | bent, lambda: self.warped(flipped, turned, bent, seeds, fill, seen), lambda: flipped)
        x, y = parts[:2]
        if look is not None:
            return painted_and_scanned(look, x, parts[2], look_seed, normalisation), y
        deviation = like.blur_mm * tf.random.stateless_uniform([], seeds[3])
        sharp = x
        x = tf.cond(chance[3] < like.blur, lambda: blurred(sharp, deviation), lambda: sharp)
        change = tf.random.stateless_uniform([2], seeds[4], -1, 1) * (like.contrast, like.brightness)
        change *= tf.cast(chance[4] < like.intensity, tf.float32)
        x = x * (1 + change[0]) + change[1]
        amount = like.noise_deviation * tf.random.stateless_uniform([], seeds[5])
        clean = x
        noisy = lambda: clean + amount * tf.random.stateless_normal(clean.shape, seeds[6])  # noqa: E731
        return tf.cond(chance[5] < like.noise, noisy, lambda: clean), y

    def warped(self, parts: Any, turned: Any, bent: Any, seeds: Any, fill: Any, seen: Any) -> Any:
        like = self.like
        x, *beside = parts
        amounts = tf.random.stateless_uniform([4], seeds[1], -1, 1) * tf.cast(turned, tf.float32)
        matrix = rotation(amounts[1:] * np.deg2rad(like.turn_degrees)) * (1 + like.zoom * amounts[0])
        bases = [spline_basis(size, step, like.control_mm) for size, step in zip(SHAPE, SPACING_MM, strict=True)]
        control = tf.random.stateless_normal([3, *(basis.shape[1] for basis in bases)], seeds[2])
        bend = tf.cast(bent, tf.float32) * (like.elastic_mm / np.array(SPACING_MM, np.float32))
        displacement = tf.zeros([*SHAPE, 3]) + tf.transpose(along_axes(control, bases, first=1), [1, 2, 3, 0]) * bend
        places = [place + part for place, part in zip(sources(matrix), tf.unstack(displacement, axis=-1), strict=True)]
        inside = tf.constant(True)
        for index, size in zip(places, SHAPE, strict=True):
            inside = inside & (index >= -0.5) & (index < size - 0.5)
        x = tf.cond(seen, lambda: linear(x, places, inside, fill), lambda: x)
        return (x, *(nearest(part, places, inside, out) for part, out in zip(beside, (0, OUTSIDE), strict=False)))


def rotation(angles: tf.Tensor) -> tf.Tensor:
    cosine, sine = tf.unstack(tf.cos(angles)), tf.unstack(tf.sin(angles))
    turned = tf.eye(3)
    for number, (a, b) in enumerate([(1, 2), (0, 2), (0, 1)]):
        one = [[tf.constant(float(i == j)) for j in range(3)] for i in range(3)]
        one[a][a] = one[b][b] = cosine[number]
        one[a][b], one[b][a] = -sine[number], sine[number]
        turned = turned @ tf.stack([tf.stack(row) for row in one])
    return turned


def sources(matrix: tf.Tensor) -> list[tf.Tensor]:
    found = []
    for a in range(3):
        index = tf.constant((SHAPE[a] - 1) / 2, tf.float32)
        for b in range(3):
            steps = (np.arange(SHAPE[b]) - (SHAPE[b] - 1) / 2) * SPACING_MM[b] / SPACING_MM[a]
            line = steps.astype(np.float32).reshape([-1 if axis == b else 1 for axis in range(3)])
            index = index + matrix[a, b] * line
        found.append(index)
    return found


def nearest(values: tf.Tensor, indices: Sequence[tf.Tensor], inside: tf.Tensor, beyond: int) -> tf.Tensor:
    flat = tf.zeros(SHAPE, tf.int32)
    for index, size in zip(indices, SHAPE, strict=True):
        flat = flat * size + tf.clip_by_value(tf.cast(tf.round(index), tf.int32), 0, size - 1)
    rows = tf.gather(tf.reshape(values, [np.prod(SHAPE), -1]), tf.reshape(flat, [-1]))
    return tf.reshape(tf.where(tf.reshape(inside, [-1, 1]), rows, tf.cast(beyond, values.dtype)), values.shape)


def linear(values: tf.Tensor, indices: Sequence[tf.Tensor], inside: tf.Tensor, beyond: Any) -> tf.Tensor:
    padded = tf.pad(values, [[0, 1]] * 3 + [[0, 0]], "SYMMETRIC")
    corners = product((0, 1), repeat=3)
    cells = [padded[tuple(slice(c, c + n) for c, n in zip(corner, SHAPE, strict=True))] for corner in corners]
    rows = tf.reshape(tf.stack(cells, axis=-2), [np.prod(SHAPE), 8])
    flat = tf.zeros(SHAPE, tf.int32)
    fractions = []
    for index, size in zip(indices, SHAPE, strict=True):
        kept = tf.clip_by_value(index, 0.0, float(size - 1))
        base = tf.floor(kept)
        fractions.append(tf.reshape(kept - base, [-1, 1]))
        flat = flat * size + tf.cast(base, tf.int32)
    found = tf.gather(rows, tf.reshape(flat, [-1]))
    for fraction in fractions:
        low, high = tf.split(found, 2, axis=1)
        found = low + fraction * (high - low)
    return tf.reshape(tf.where(tf.reshape(inside, [-1, 1]), found, beyond), values.shape)


def along_axes(values: tf.Tensor, matrices: Sequence[Any], first: int = 0) -> tf.Tensor:
    for matrix in matrices:
        values = tf.tensordot(values, matrix, [[first], [1]])
    return values


def blurred(values: tf.Tensor, deviation_mm: tf.Tensor) -> tf.Tensor:
    bands = []
    for size, step in zip(SHAPE, SPACING_MM, strict=True):
        apart = (np.arange(size)[:, None] - np.arange(size)) * step
        band = tf.exp(-0.5 * tf.square(tf.constant(apart, tf.float32) / tf.maximum(deviation_mm, 1e-3)))
        bands.append(band / tf.reduce_sum(band, axis=1, keepdims=True))
    return tf.transpose(along_axes(values, bands), [1, 2, 3, 0])


def chances_of(seed: Any) -> tf.Tensor:
    return tf.random.stateless_uniform([24], tf.random.split(seed, 3)[2])


def painted_and_scanned(look: Appearance, x: Any, tissues: Any, seed: Any, normalisation: Any) -> tf.Tensor:
    seeds, chances = tf.unstack(tf.random.split(seed, 3)), chances_of(seed)
    offset, scale = tf.unstack(normalisation)
    low, high = ((edge - offset) * scale for edge in look.window)
    share = tf.where(chances[0] < look.kept, 1.0, tf.where(chances[0] < look.kept + look.mixed, chances[1], 0.0))

    def drawn() -> tf.Tensor:
        image = painted(look, tissues, chances[2:9], seeds[0], offset, scale, (low, high))
        return tf.where(share > 0, image + share * (x - image), image)

    image = tf.cond(share < 1, drawn, lambda: x)
    return tf.where(tissues == OUTSIDE, low, scanned(look, image, chances[9:], share < 1, seeds[1], (low, high)))


def painted(
    look: Appearance, tissues: Any, chances: Any, seed: Any, offset: Any, scale: Any, edges: tuple[Any, Any]
) -> tf.Tensor:
    prior, kinds, (low, high) = prior_of(look.tissue_names), len(KIND_NAMES), edges
    seeds = tf.unstack(tf.random.split(seed, 5))
    of_kind = tf.random.stateless_normal([2, kinds], seeds[0])
    own = tf.random.stateless_normal([2, len(look.tissue_names)], seeds[1])
    uniform = tf.random.stateless_uniform([3, kinds], seeds[2])
    shared, flat = tf.gather(of_kind, prior.kind, axis=1), tf.gather(uniform, prior.kind, axis=1)
    like_ct, enhanced, contrast, shift, darkens, apart, thickness = tf.unstack(chances)
    added = tf.where(enhanced < 0.5, flat[0], 0.0) * tf.exp(0.4 * own[1])
    hu = prior.mean_hu + prior.spread_hu * (shared[0] + 0.35 * own[0]) + prior.contrast_hu * added
    ct_mean = (hu * tf.exp(0.4 * (contrast - 0.5)) + 60 * (shift - 0.5) - offset) * scale
    ct_grain = prior.grain_hu * tf.exp(0.6 * shared[1]) * scale
    dark = np.isin(KIND_NAMES, DARK)[prior.kind] & (darkens < 0.7)
    level = tf.where(dark, 0.05 * flat[1], flat[1]) + 0.12 * apart * own[0]
    any_mean = low + (high - low) * tf.clip_by_value(level, 0.0, 1.0)
    any_grain = (high - low) * 0.08 * flat[2] * tf.where(dark, 0.2, 1.0)
    looks = ((ct_mean, any_mean), (ct_grain, any_grain))
    table = tf.stack([tf.where(like_ct < look.ct, ct, other) for ct, other in looks], axis=1)
    inside = tf.gather(table, prior.inner)
    table = inside + (0.2 + 0.8 * thickness) * (table - inside)
    table = tf.pad(table, [[0, OUTSIDE + 1 - len(look.tissue_names)], [0, 0]])
    looked = tf.gather(table, tf.cast(tissues, tf.int32))
    fine = tf.random.stateless_normal(tissues.shape, seeds[3])
    return looked[..., 0] + looked[..., 1] * (0.7 * fine + 0.7 * smooth(9.0, seeds[4]))


def smooth(control_mm: float, seed: tf.Tensor) -> tf.Tensor:
    bases = [spline_basis(n, step, control_mm) for n, step in zip(SHAPE, SPACING_MM, strict=True)]
    control = tf.random.stateless_normal([*(basis.shape[1] for basis in bases), 1], seed)
    return tf.transpose(along_axes(control, bases), [1, 2, 3, 0])


def scanned(look: Appearance, x: Any, chances: Any, is_drawn: Any, seed: Any, edges: tuple[Any, Any]) -> tf.Tensor:
    low, high = edges
    seeds = tf.unstack(tf.random.split(seed, 2))
    blurs, thickens, axis, width, distance, first = tf.unstack(chances[:6])
    amounts, chosen, sides = chances[6:9], chances[9:12] < (look.bias, look.gamma, look.noise), chances[12:15]
    is_blurred, thick = blurs < look.blur, thickens < look.thick

    def resampled() -> tf.Tensor:
        bands = []
        for number, (size, step) in enumerate(zip(SHAPE, SPACING_MM, strict=True)):
            deviation = tf.where(is_blurred, look.blur_mm * width * (0.4 + 0.6 * sides[number]), 0.0) / step
            deviation = tf.sqrt(tf.square(deviation) + tf.where(is_drawn, EDGE_VOXELS**2, 0.0))
            apart = tf.maximum(1.0, distance * look.thick_mm / step)
            apart = tf.where(thick & (tf.cast(axis * 3, tf.int32) == number), apart, 1.0)
            bands.append(coarser(size, deviation, apart, first))
        return tf.transpose(along_axes(x, bands), [1, 2, 3, 0])

    sharp = tf.clip_by_value(tf.cond(is_blurred | thick | is_drawn, resampled, lambda: x), low, high)
    uneven = lambda: low + (sharp - low) * tf.exp(look.bias_deviation * amounts[0] * smooth(80.0, seeds[0]))  # noqa: E731
    lit = tf.cond(chosen[0], uneven, lambda: sharp)
    power = tf.exp(look.gamma_deviation * (2 * amounts[1] - 1))
    bent = lambda: low + (high - low) * tf.pow((tf.clip_by_value(lit, low, high) - low) / (high - low), power)  # noqa: E731
    toned = tf.cond(chosen[1], bent, lambda: lit)
    amount = look.noise_deviation * tf.square(amounts[2]) * (high - low) / 2
    noisy = lambda: toned + amount * tf.random.stateless_normal(toned.shape, seeds[1])  # noqa: E731
    return tf.clip_by_value(tf.cond(chosen[2], noisy, lambda: toned), low, high)


def coarser(size: int, deviation: tf.Tensor, apart: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    voxel = tf.range(size, dtype=tf.float32)
    place = (voxel - start * (apart - 1)) / apart
    before = tf.floor(place)
    profile = tf.sqrt(tf.square(deviation) + 0.12 * (tf.square(apart) - 1))
    profile = tf.maximum(profile, tf.where(apart > 1, 0.2, 1e-3))
    bands = []
    for fraction, number in ((1 - (place - before), before), (place - before, before + 1)):
        centre = tf.clip_by_value(start * (apart - 1) + number * apart, 0.0, size - 1.0)
        band = tf.exp(-0.5 * tf.square((voxel - centre[:, None]) / profile))
        bands.append(fraction[:, None] * band / tf.reduce_sum(band, axis=1, keepdims=True))
    return bands[0] + bands[1]


def one_by_one(store: SampleStore, augment: Augmentation | None) -> tf.data.Dataset:
    """The reference: one reader, each batch prepared sample by sample."""
    synthetic = augment is not None and augment.appearance is not None
    kinds, (low, high) = store.parts(*(["tissues"] if synthetic else [])), store.spec.window
    order = np.random.default_rng([1, 0]).permutation(store.count)
    file = h5py.File(store.path, "r", rdcc_nbytes=0)

    def chosen(step: int) -> tuple[Any, ...]:
        places = np.arange(step * BATCH, (step + 1) * BATCH)
        arrays = {name: np.empty((BATCH, *shape), dtype) for name, (dtype, shape) in kinds.items()}
        for place, number in enumerate(order[places]):
            for name, out in arrays.items():
                file[name].read_direct(out, np.s_[number], np.s_[place])
        return (*arrays.values(), places)

    def read(step: tf.Tensor) -> dict[str, tf.Tensor]:
        layouts = {**kinds, "place": ("int64", ())}
        arrays = tf.numpy_function(chosen, [step], [dtype for dtype, _ in layouts.values()])
        return {
            name: tf.ensure_shape(array, (BATCH, *shape))
            for array, (name, (_, shape)) in zip(arrays, layouts.items(), strict=True)
        }

    def prepare(parts: dict[str, tf.Tensor]) -> tuple[Any, ...]:
        normalisation = tf.cast(parts["normalisation"], tf.float32)
        offset, scale = (tf.reshape(part, [-1, 1, 1, 1, 1]) for part in tf.unstack(normalisation, axis=1))
        x = (tf.clip_by_value(tf.cast(parts["inputs"], tf.float32), low, high) - offset) * scale
        if augment is None:
            return x, parts["targets"]
        fill = (low - normalisation[:, 0]) * normalisation[:, 1]
        seeds = tf.stack([tf.fill([BATCH], tf.constant(1, tf.int64)), parts["place"]], axis=1)
        given = (x, parts["targets"], seeds, fill, parts["tissues"] if synthetic else seeds, normalisation)
        signature = (tf.TensorSpec((*SHAPE, 1), tf.float32), tf.TensorSpec(SHAPE, tf.uint8))
        return tuple(tf.map_fn(lambda each: OneByOne(augment)(*each), given, fn_output_signature=signature))

    parallel = {"num_parallel_calls": tf.data.AUTOTUNE, "deterministic": True}
    return tf.data.Dataset.range(store.count // BATCH).map(read).map(prepare, **parallel).repeat().prefetch(2)


def ours(store: SampleStore, augment: Augmentation | None) -> tf.data.Dataset:
    return epoch_batches(store, BATCH, epoch=0, seed=1, shuffle=True, augment=augment).repeat()


def rates_of(
    feed: Callable[[SampleStore, Augmentation | None], tf.data.Dataset],
    store: SampleStore,
    augment: Augmentation | None,
    batches: int,
) -> tuple[float, float]:
    """Seconds, and seconds of the processor, for a sample of a pipeline that is made for it and ends with it."""
    made = iter(feed(store, augment))
    for _ in range(FIRST):
        next(made)
    started, processor = time.perf_counter(), time.process_time()
    for _ in range(batches):
        next(made)
    count = batches * BATCH
    return (time.perf_counter() - started) / count, (time.process_time() - processor) / count


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--batches", type=int, default=20, help="in a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    arguments = parser.parse_args(argv)
    standard = Augmentation(SPACING_MM, flip_axis=0)
    with tempfile.TemporaryDirectory() as name:
        store = stored(Path(name) / "samples.h5", arguments.samples)
        synth = standard.with_appearance(Appearance.of(store.spec, store.tissue_names, SPACING_MM))
        for title, augment in zip(KINDS, (None, standard, synth), strict=True):
            if title not in arguments.kinds:
                continue
            figures: dict[str, list[tuple[float, float]]] = {"one by one": [], "ours": []}
            for _ in range(arguments.turns):
                for kind, values in figures.items():
                    values.append(
                        rates_of(one_by_one if kind == "one by one" else ours, store, augment, arguments.batches)
                    )
            (before, cpu_before), (now, cpu) = (np.median(values, axis=0) * 1000 for values in figures.values())
            floor = "" if augment is None else f" (at least {FLOOR:.0f} wanted)"
            print(
                f"{title:9s} one by one {before:5.1f} ms a sample, ours {now:5.1f} ms: {before / now:4.1f} times"
                f"{floor}; processor time {cpu_before:.1f} and {cpu:.1f} ms: {cpu_before / cpu:.1f} times"
            )


if __name__ == "__main__":
    main()
