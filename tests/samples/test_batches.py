"""Batches for training: every sample once, the same ones for the same seed and epoch, normalised as the spec says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.spec import Spec

tf = pytest.importorskip("tensorflow")

from learning_functions.samples.augment.appearance import Appearance  # noqa: E402
from learning_functions.samples.augment.augmentation import Augmentation  # noqa: E402
from learning_functions.samples.store.batches import epoch_batches  # noqa: E402
from learning_functions.samples.store.keras_sequence import SampleSequence  # noqa: E402

SPEC = Spec((1, 1, 1), "RAS", (4, 5, 6), 1, ("vertebra",), "zscore", (-1000.0, 1500.0))
COUNT = 7


def stored(path: Path, weighted: bool = False) -> SampleStore:
    """Samples whose first target voxel is their number."""
    rng = np.random.default_rng(1)
    with SampleWriter(path, task="t", spec=SPEC) as writer:
        for number in range(COUNT):
            raw = rng.integers(-2000, 3000, (4, 5, 6, 1)).astype(np.int16)
            target = np.full((4, 5, 6), number, np.uint8)
            weights = np.full((4, 5, 6), number / 4, np.float16) if weighted else None
            writer.append(raw, target, weights, normalisation=(10.0 * number, 0.01 + number), case_id=str(number))
    return open_store(path)


def batches(store: SampleStore, batch: int = 3, **options: Any) -> list[tuple[np.ndarray, ...]]:
    options = {"epoch": 0, "seed": 1, "shuffle": True} | options
    return [tuple(part.numpy() for part in made) for made in epoch_batches(store, batch, **options)]


def numbers(made: list[tuple[np.ndarray, ...]]) -> list[int]:
    return [int(value) for part in made for value in part[1][:, 0, 0, 0]]


def test_an_epoch_holds_every_sample_once(tmp_path: Path) -> None:
    store = stored(tmp_path / "s.h5")
    assert sorted(numbers(batches(store))) == list(range(COUNT))
    assert numbers(batches(store, shuffle=False)) == list(range(COUNT))
    assert [len(x) for x, _ in batches(store)] == [3, 2, 2]
    assert [len(x) for x, _ in batches(store, drop_remainder=True)] == [3, 3]
    assert [len(x) for x, _ in batches(store, 16, drop_remainder=True)] == [COUNT]
    assert epoch_batches(store, 3, epoch=0, seed=1, shuffle=True).cardinality() == 3


@pytest.mark.parametrize("batch", range(1, 9))
def test_no_batch_has_few_samples(tmp_path: Path, batch: int) -> None:
    sizes = [len(x) for x, _ in batches(stored(tmp_path / "s.h5"), batch)]
    assert sum(sizes) == COUNT and len(sizes) == -(-COUNT // batch) and max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1


def test_the_order_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    store = stored(tmp_path / "s.h5")
    orders = {(seed, epoch): numbers(batches(store, seed=seed, epoch=epoch)) for seed in (1, 2) for epoch in (0, 1)}
    assert len({tuple(order) for order in orders.values()}) == 4
    assert orders[2, 1] == numbers(batches(store, 2, seed=2, epoch=1))


def test_intensities_are_those_of_the_spec(tmp_path: Path) -> None:
    store = stored(tmp_path / "s.h5", weighted=True)
    sequence = SampleSequence(store, 3, seed=1, shuffle=True)
    for epoch in (0, 1):
        made = batches(store, epoch=epoch)
        assert len(sequence) == len(made)
        for step, (x, y, w) in enumerate(made):
            assert (x.dtype, y.dtype, w.dtype) == ("float32", "uint8", "float32")
            for ours, theirs in zip((x, y, w), sequence[step], strict=True):
                np.testing.assert_array_equal(ours, theirs)
            np.testing.assert_array_equal(w, y / 4)
        sequence.on_epoch_end()


def test_targets_may_be_had_in_another_dtype(tmp_path: Path) -> None:
    assert batches(stored(tmp_path / "s.h5"), target_dtype="float32")[0][1].dtype == "float32"


def test_augmentation_depends_on_the_epoch(tmp_path: Path) -> None:
    store = stored(tmp_path / "s.h5", weighted=True)
    augment = Augmentation((1, 1, 1), flip_axis=0, intensity=1, noise=1)
    once, again, later = (batches(store, augment=augment, epoch=epoch, shuffle=False) for epoch in (3, 3, 4))
    for first, second, third in zip(once, again, later, strict=True):
        for ours, theirs in zip(first, second, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert not np.array_equal(first[0], third[0])
    larger = batches(store, 5, augment=augment, epoch=3, shuffle=False)
    assert [len(x) for x, *_ in larger] == [4, 3]
    np.testing.assert_array_equal(larger[0][0][:3], once[0][0])  # the size of a batch changes no sample


def test_voxels_outside_have_the_padding_value_of_their_scan(tmp_path: Path) -> None:
    with SampleWriter(tmp_path / "s.h5", task="t", spec=SPEC) as writer:
        for offset in (0.0, 500.0):
            raw, target = np.full((9, 9, 9, 1), 700, np.int16), np.ones((9, 9, 9), np.uint8)
            writer.append(raw, target, normalisation=(offset, 0.01), case_id=str(offset))
    augment = Augmentation((1, 1, 1), flip=0, elastic=0, intensity=0, noise=0, blur=0, turn=1, turn_degrees=40)
    ((x, y),) = batches(open_store(tmp_path / "s.h5"), augment=augment, shuffle=False)
    for values, targets, padding, inside in zip(x, y, (-10.0, -15.0), (7.0, 2.0), strict=True):
        np.testing.assert_allclose(np.unique(values.round(3)), [padding, inside])
        np.testing.assert_array_equal(values[..., 0] > 0, targets == 1)


def test_a_batch_has_a_sample_and_epochs_count_from_zero(tmp_path: Path) -> None:
    store = stored(tmp_path / "s.h5")
    for batch, epoch in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match="Received"):
            epoch_batches(store, batch, epoch=epoch, seed=1, shuffle=True)


def test_appearances_follow_the_tissues_of_each_sample(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    with SampleWriter(tmp_path / "s.h5", task="t", spec=SPEC, tissue_names=("fat", "rib shell")) as writer:
        for number in range(4):
            raw = rng.integers(-900, 1400, (4, 5, 6, 1)).astype(np.int16)
            target, weights = np.full((4, 5, 6), number, np.uint8), np.full((4, 5, 6), number / 4, np.float16)
            map_of = np.full((4, 5, 6, 1), number % 2, np.uint8)
            writer.append(raw, target, weights, normalisation=(300, 0.01), case_id=str(number), tissues=map_of)
    store = open_store(tmp_path / "s.h5")
    plain = dict.fromkeys(("flip", "turn", "elastic"), 0.0)
    look = Appearance.of(SPEC, store.tissue_names, (1, 1, 1), kept=0, mixed=0, ct=1, bias=0, gamma=0, noise=0)
    augment = Augmentation((1, 1, 1), **plain).with_appearance(look)
    once, again, later = (batches(store, 4, augment=augment, epoch=epoch, shuffle=False) for epoch in (1, 1, 2))
    (x, y, w), (same, _, _), (other, _, _) = once[0], again[0], later[0]
    np.testing.assert_array_equal(x, same)
    assert not np.array_equal(x, other)
    np.testing.assert_array_equal(w, y / 4)
    assert (x[1::2].mean(axis=(1, 2, 3)) > x[::2].mean(axis=(1, 2, 3))).all(), "bone is brighter than fat"
    keep = Augmentation((1, 1, 1), **plain, intensity=0, noise=0, blur=0)
    stored_as = batches(store, 4, augment=keep, shuffle=False)[0]
    np.testing.assert_array_equal(stored_as[0], batches(store, 4, shuffle=False)[0][0])


def remembering(path: Path) -> SampleStore:
    """Samples whose memory is where the image is bright, and whose first number is theirs."""
    rng = np.random.default_rng(1)
    with SampleWriter(path, task="t", spec=SPEC, numbers_names=("number", "share")) as writer:
        for number in range(COUNT):
            raw = rng.choice([-900, 1400], (4, 5, 6, 1)).astype(np.int16)
            target = np.ones((4, 5, 6), np.uint8)
            memory = (raw[..., 0] > 0).astype(np.uint8)
            writer.append(
                raw, target, memory=memory, numbers=[number, 0.9], normalisation=(0.0, 0.01), case_id=str(number)
            )
    return open_store(path)


def test_memory_is_the_last_channel_and_is_not_normalised(tmp_path: Path) -> None:
    store = remembering(tmp_path / "s.h5")
    sequence = SampleSequence(store, 3, seed=1, shuffle=True)
    for step, (x, y) in enumerate(batches(store)):
        assert x.shape == (len(y), 4, 5, 6, 2)
        np.testing.assert_array_equal(x[..., 1], (x[..., 0] > 0).astype(np.float32))
        np.testing.assert_array_equal(x, sequence[step][0])


def test_memory_moves_with_the_image_and_keeps_its_values(tmp_path: Path) -> None:
    store = remembering(tmp_path / "s.h5")
    flipped = Augmentation((1, 1, 1), flip_axis=0, flip=1, turn=0, elastic=0, intensity=0, noise=0, blur=0)
    for (x, _), (plain, _) in zip(
        batches(store, augment=flipped, shuffle=False), batches(store, shuffle=False), strict=True
    ):
        np.testing.assert_array_equal(x, plain[:, ::-1])
    bent = Augmentation((1, 1, 1), flip_axis=0, intensity=1, noise=1, blur=1)
    for x, _ in batches(store, augment=bent):
        assert set(np.unique(x[..., 1])) <= {0.0, 1.0} and len(np.unique(x[..., 0])) > 2


def test_a_task_arranges_its_targets(tmp_path: Path) -> None:
    store = remembering(tmp_path / "s.h5")

    def arrange(y: Any, w: Any, numbers: Any) -> tuple[Any, Any]:
        assert w is None
        return {"mask": y, "number": numbers[:, :1]}, None

    sequence = SampleSequence(store, 3, seed=1, shuffle=True, arrange=arrange)
    for augment in (None, Augmentation((1, 1, 1))):
        made = epoch_batches(store, 3, epoch=0, seed=1, shuffle=True, augment=augment, arrange=arrange)
        numbers_read = []
        for step, (x, y) in enumerate(made):
            assert set(y) == {"mask", "number"} and x.shape[-1] == 2
            np.testing.assert_array_equal(y["number"], sequence[step][1]["number"])
            numbers_read += np.ravel(y["number"]).tolist()
        assert sorted(numbers_read) == list(range(COUNT))
