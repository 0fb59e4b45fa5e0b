"""Whole batches on a device, several readers, and compiled loops give what single samples do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.spec import Spec

tf = pytest.importorskip("tensorflow")

from learning_functions.samples.augment import augmentation  # noqa: E402
from learning_functions.samples.augment.appearance import Appearance  # noqa: E402
from learning_functions.samples.augment.augmentation import Augmentation  # noqa: E402
from learning_functions.samples.augment.spatial_changes import placed  # noqa: E402
from learning_functions.samples.store.batches import computing_gpu, epoch_batches  # noqa: E402

SHAPE, SPACING_MM, COUNT = (10, 12, 14), (2.0, 2.0, 2.0), 6
SPEC = Spec(SPACING_MM, "RAS", SHAPE, 1, ("vertebra",))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    """Samples of every part."""
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("samples") / "s.h5"
    with SampleWriter(path, task="t", spec=SPEC, tissue_names=("fat", "bone"), numbers_names=("x", "y", "z")) as writer:
        for number in range(COUNT):
            tissues = rng.integers(0, 2, (*SHAPE, 1)).astype(np.uint8)
            target = tissues[..., 0]
            writer.append(
                rng.integers(-200, 900, (*SHAPE, 1)).astype(np.int16),
                target,
                target.astype(np.float16),
                memory=target,
                numbers=[4, 5, 6],
                tissues=tissues,
                normalisation=(300, 0.002),
                case_id=str(number),
            )
    return open_store(path)


def arranged(y: Any, w: Any, numbers: Any) -> tuple[Any, Any]:
    return {"mask": y, "points": numbers}, w


def batches(store: SampleStore, **options: Any) -> list[list[np.ndarray]]:
    changes = Augmentation(SPACING_MM, flip_axis=0, points_from=0, crop=0.5, shift=0.5)
    synth = changes.with_appearance(Appearance.of(SPEC, store.tissue_names, SPACING_MM))
    made = epoch_batches(store, 2, epoch=0, seed=1, shuffle=True, augment=synth, arrange=arranged, **options)
    return [[part.numpy() for part in tf.nest.flatten(batch)] for batch in made]


def test_batches_are_the_same_on_a_device_and_for_any_number_of_readers(
    store: SampleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = []

    def noting(given: Any, *others: Any) -> Any:
        devices.append((given.image.device, given.image.shape[0]))
        return placed(given, *others)

    monkeypatch.setattr(augmentation, "placed", noting)
    assert computing_gpu() is None
    one, several, whole = (
        batches(store, **options) for options in ({"readers": 1}, {"readers": 3}, {"device": "/CPU:0"})
    )
    assert len(one) == len(several) == len(whole) == COUNT // 2
    for parts, same, on_device in zip(one, several, whole, strict=True):
        for ours, read, theirs in zip(parts, same, on_device, strict=True):
            np.testing.assert_array_equal(ours, read)
            assert ours.dtype == theirs.dtype
            differs = ~np.isclose(ours, theirs, atol=1e-4, equal_nan=True)
            assert differs.mean() < 1e-3, "rounding may choose another nearest voxel"
    assert [(size, bool(device)) for device, size in devices] == [(1, False), (1, False), (2, True)]
