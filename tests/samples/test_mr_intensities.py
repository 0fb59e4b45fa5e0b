"""MR intensities: normalised by the scan itself, stored as integers, padded with its minimum."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

from learning_functions.preprocessing import storable
from learning_functions.samples.augment.appearance import Appearance
from learning_functions.samples.augment.augmentation import Augmentation
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.keras_sequence import SampleSequence
from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.spec import Spec
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

MINMAX = Spec((3, 1, 1), "RAS", (4, 8, 8), 1, ("a",), "minmax", (-1024.0, 32767.0))
SERIES = replace(MINMAX, intensity="series")
TAILED = np.concatenate([np.linspace(0, 100, 960), np.linspace(500, 2000, 40)])
"""One in 25 voxels is far brighter than all others."""


def volume(voxels: np.ndarray) -> Volume:
    voxels = np.asarray(voxels).reshape(10, -1, 1)
    return Volume(voxels, Grid.from_spacing(voxels.shape, (1, 1, 1)))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize("spec", [MINMAX, SERIES])
def test_the_scale_of_a_series_makes_no_difference(spec: Spec, scale: float) -> None:
    plain = np.random.default_rng(1).gamma(3.0, 100.0, 5000)
    expected = spec.normalise(plain, *spec.offset_and_scale(plain))
    found = spec.normalise(plain * scale, *spec.offset_and_scale(plain * scale))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_percentiles_map_to_minus_1_and_1_and_outliers_are_clipped() -> None:
    even = np.concatenate([np.linspace(0, 1000, 9999), [30000.0]])
    found = MINMAX.normalise(even, *MINMAX.offset_and_scale(even))
    assert found[-1] == 1.0 and found[0] == -1.0 and abs(found[5000]) < 0.01


def test_a_long_bright_tail_is_normalised_by_mean_and_deviation() -> None:
    even = np.linspace(0, 1000, 10000)
    assert SERIES.offset_and_scale(even) == MINMAX.offset_and_scale(even)
    offset, scale = SERIES.offset_and_scale(TAILED)
    assert offset == pytest.approx(TAILED.mean()) and 1 / scale == pytest.approx(TAILED.std())
    found = SERIES.normalise(TAILED, offset, scale)
    assert found.min() >= -3 and found.max() == 3.0, "cut off"


@pytest.mark.parametrize("spec", [MINMAX, SERIES])
@pytest.mark.parametrize("value", [0, 7])
def test_an_image_of_one_intensity_gives_finite_numbers(spec: Spec, value: int) -> None:
    flat = np.full(100, value, np.int16)
    assert np.isfinite(spec.normalise(flat, *spec.offset_and_scale(flat))).all()
    assert np.isfinite(spec.normalise(np.array(3.0), *spec.offset_and_scale(flat)))


@pytest.mark.parametrize(
    ("voxels", "changed"),
    [
        (np.linspace(0, 1, 100, dtype=np.float32), True),
        (np.linspace(0, 90000, 100), True),
        (np.linspace(0, 4000, 100), False),
        (np.arange(100, dtype=np.int16), False),
        (np.zeros(100, np.float32), False),
        (np.linspace(-1000, 400, 100), False),
    ],
    ids=["0 to 1", "beyond int16", "fine", "whole", "empty", "CT"],
)
def test_numbers_that_rounding_would_harm_are_multiplied(voxels: np.ndarray, changed: bool) -> None:
    given = volume(voxels)
    kept = storable(given, MINMAX)
    assert (kept is not given) == changed
    whole = np.rint(kept.voxels)
    assert np.abs(whole).max() < 32767
    if voxels.std() > 0:
        before = MINMAX.normalise(given.voxels, *MINMAX.offset_and_scale(given.voxels))
        after = MINMAX.normalise(whole, *MINMAX.offset_and_scale(kept.voxels))
        np.testing.assert_allclose(after, before, atol=0.02)
    assert storable(given, replace(MINMAX, intensity="window")) is given


def stored(path: Path, padding: float | None, spec: Spec = MINMAX) -> SampleStore:
    raw = np.random.default_rng(1).integers(100, 900, (4, 8, 8, 1)).astype(np.int16)
    with SampleWriter(path, task="t", spec=spec) as writer:
        for case in ("a", "b"):
            writer.append(
                raw, np.ones((4, 8, 8), np.uint8), normalisation=(500.0, 1 / 500), padding=padding, case_id=case
            )
    return open_store(path)


def test_voxels_outside_have_the_padding_value_of_the_scan(tmp_path: Path) -> None:
    store = stored(tmp_path / "s.h5", padding=50.0)
    ending = Augmentation((3, 1, 1), flip=0, turn=0, elastic=0, intensity=0, noise=0, blur=0, crop=1.0)
    x, y = next(iter(epoch_batches(store, 2, epoch=0, seed=1, shuffle=False, augment=ending)))
    cut = y.numpy() == 0
    assert cut.any() and np.allclose(x.numpy()[..., 0][cut], (50 - 500) / 500)
    assert x.numpy()[..., 0][~cut].min() >= (100 - 500) / 500 - 1e-6


def test_a_padding_value_that_the_window_gives_is_not_stored(tmp_path: Path) -> None:
    ct = replace(MINMAX, intensity="window", window=(-200.0, 1000.0))
    for number, padding in enumerate((None, -1024.0)):
        store = stored(tmp_path / f"{number}.h5", padding, ct)
        assert "air" not in store.layout
        with h5py.File(store.path) as file:
            assert "air" not in file


@pytest.mark.parametrize("spec", [MINMAX, SERIES])
def test_both_inputs_give_the_same_values_within_bounds(tmp_path: Path, spec: Spec) -> None:
    store = stored(tmp_path / "s.h5", 50.0, spec)
    x, _ = next(iter(epoch_batches(store, 2, epoch=0, seed=1, shuffle=False)))
    np.testing.assert_allclose(x, SampleSequence(store, 2, seed=1, shuffle=False)[0][0], atol=1e-6)
    assert spec.bounds is not None and float(tf.reduce_min(x)) >= spec.bounds[0]


@pytest.mark.parametrize("spec", [MINMAX, SERIES])
def test_appearances_lie_within_the_bounds_and_ct_s_soft_tissues_do_not_vanish(spec: Spec) -> None:
    names = ("air", "fat", "muscle", "vertebra marrow", "csf")
    codes = np.repeat(np.arange(5, dtype=np.uint8), 64)[:, None].reshape(5, 8, 8, 1)
    drawing = Appearance.of(spec, names, (3.0, 1.0, 1.0), kept=0.0, mixed=0.0, ct=1.0, noise=0.0, blur=0.0, thick=0.0)
    for seed in range(4):
        made = drawing(np.zeros(codes.shape, np.float32), codes, [seed, 1], (400.0, 1 / 200)).numpy()
        assert np.isfinite(made).all() and spec.bounds is not None
        assert spec.bounds[0] - 1e-5 <= made.min() and made.max() <= spec.bounds[1] + 1e-5
        assert made[1].mean() > made[0].mean() + 0.3, "fat is well above air"


@pytest.mark.parametrize("air", [100, 5000])
def test_the_amount_of_air_does_not_move_tissue(air: int) -> None:
    body = replace(MINMAX, intensity="body")
    tissue = np.linspace(300, 1000, 2000)
    voxels = np.concatenate([np.zeros(air), tissue])
    found = body.normalise(voxels, *body.offset_and_scale(voxels))[air:]
    assert found[100] == pytest.approx(-1, abs=0.02) and found[1900] == pytest.approx(1, abs=0.02)
    assert body.normalise(np.zeros(5), *body.offset_and_scale(np.zeros(5))).max() <= 0


def test_flattening_is_part_of_the_spec_and_leaves_ct_and_older_cards_alone() -> None:
    flat = replace(MINMAX, flatten_mm=30.0)
    fields = MINMAX.to_json()
    assert fields.pop("flatten_mm") == 0.0 and Spec.from_json(fields) == MINMAX
    assert Spec.from_json(flat.to_json()) == flat and flat.differences(MINMAX)
    falling = (1000 * np.exp(-np.arange(200) / 40)).reshape(200, 1, 1)
    scan = Volume(np.broadcast_to(falling, (200, 4, 4)).astype(np.int16), Grid.from_spacing((200, 4, 4), (1, 1, 1)))
    even = storable(scan, flat).voxels
    assert even.dtype == np.int16 and even[10:120].max() < 3 * even[10:120].min() and even.max() <= 32000
    assert storable(scan, MINMAX).voxels[120, 0, 0] < 0.1 * storable(scan, MINMAX).voxels[10, 0, 0]
    ct = volume(np.linspace(-1024, 1500, 50).astype(np.int16))
    assert storable(ct, flat) is ct
    with pytest.raises(ValueError, match="0 mm or above"):
        replace(MINMAX, flatten_mm=-1.0)
