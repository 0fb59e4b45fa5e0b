"""Tiles cover every voxel once, stay within memory, and give the result of one pass."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_models.unet import detection_unet
from learning_functions.inference import pass_memory, sliding_window
from learning_functions.inference.sliding_window import flexible, run_published, run_tiles, stride_of, tile_plan


@given(
    shape=st.tuples(*[st.integers(1, 90)] * 3),
    margin=st.tuples(*[st.integers(0, 12)] * 3),
    stride=st.sampled_from([1, 4, 8, 16]),
    most=st.integers(4000, 400000),
)
@settings(max_examples=200, deadline=None)
def test_cores_cover_every_voxel_exactly_once(shape, margin, stride, most) -> None:
    size, core, firsts = tile_plan(shape, margin, stride, most)
    covered = np.zeros(shape, int)
    for first in firsts:
        covered[tuple(slice(f, f + c) for f, c in zip(first, core, strict=True))] += 1
    assert (covered == 1).all()
    assert all(n % stride == 0 for n in size)
    for axis in range(3):
        needed = core[axis] + (2 * margin[axis] if core[axis] < shape[axis] else 0)
        assert size[axis] >= needed


def test_tiles_stay_within_memory_where_they_can() -> None:
    size, _, firsts = tile_plan((200, 200, 400), (16, 16, 20), 16, 2_000_000)
    assert np.prod(size) <= 2_000_000 and len(firsts) > 1
    assert tile_plan((200, 200, 400), (16, 16, 20), 16, np.inf)[2] == [(0, 0, 0)]


def blur() -> keras.Model:
    """A network whose outputs depend on the voxels at most two away."""
    inputs = keras.Input((8, 8, 8, 1))
    x = keras.layers.Conv3D(1, 3, padding="same", kernel_initializer="ones", use_bias=False)(inputs)
    return keras.Model(inputs, keras.layers.Conv3D(1, 3, padding="same", kernel_initializer="ones")(x))


def test_tiles_and_published_windows_give_what_one_pass_gives(monkeypatch) -> None:
    monkeypatch.setattr(pass_memory, "FIXED_GB", 0.0)
    network = blur()
    image = np.random.default_rng(0).normal(size=(21, 17, 30, 1)).astype(np.float32)
    padded = np.pad(image, [(2, 2)] * 3 + [(0, 0)])
    whole = np.asarray(flexible(network)(padded[None]))[0, 2:-2, 2:-2, 2:-2]

    def same(output: np.ndarray) -> np.ndarray:
        return output

    budget = 800 * pass_memory.BYTES_PER_VOXEL_AND_FILTER / 1e9  # tiles of 800 voxels
    tiles = run_tiles(network, image, (2, 2, 2), max(budget, 0.1), same, 0.0)
    monkeypatch.setattr(sliding_window, "bytes_per_voxel", lambda _: 1e8 / 2000)
    small_tiles = run_tiles(network, image, (2, 2, 2), 0.1, same, 0.0)
    published = run_published(network, image, (8, 8, 8), same, 0.0)
    inner = (slice(2, -2),) * 3
    assert np.allclose(tiles[inner], whole[inner], atol=1e-4)
    assert np.allclose(small_tiles[inner], whole[inner], atol=1e-4)
    assert np.allclose(published[inner], whole[inner], atol=1e-4)


def test_the_stride_is_the_product_of_the_poolings() -> None:
    assert stride_of(detection_unet((8, 8, 8), filters=1, levels=3)) == 4
    assert stride_of(blur()) == 1


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 1, 1)])
def test_an_image_smaller_than_a_patch_is_run_whole(shape) -> None:
    network = detection_unet((8, 8, 8), filters=1, levels=3)
    found = run_tiles(network, np.zeros((*shape, 1), np.float32), (2, 2, 2), 4.0, lambda out: out[..., 1], -1.0)
    assert found.shape == shape
