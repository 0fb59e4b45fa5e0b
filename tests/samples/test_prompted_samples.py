"""A landmark prompt of the target vertebra, as a second channel of memory: in samples, files and batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from learning_functions.samples.augment.augmentation import Augmentation
from learning_functions.samples.store.batches import epoch_batches
from learning_functions.samples.store.keras_sequence import SampleSequence
from learning_functions.samples.store.sample_store import SampleStore, check_same_task, open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.task import Sample
from tests.samples.blocks import LUMBAR, SPACING, settings, verse
from tests.samples.stores import SPEC, sample
from tests.samples.test_instance_samples import drawn
from utility_functions.anatomy.centroids import body_centroids
from utility_functions.anatomy.labels import CSI_LEVELS, VERSE_IDS
from utility_functions.anatomy.landmark_prompt import centred_first
from utility_functions.files.cases import Scan

CHANNELS = 2


def prompted(scan: Scan, share: float = 1.0, jitter_mm: float = 0.0, **options: Any) -> list[Sample]:
    chosen = settings(
        direction="down",
        patch=(32, 32, 64),
        prompted_fraction=share,
        prompt_jitter_mm=jitter_mm,
        prompt_sigma_mm=6.0,
        **options,
    )
    return drawn(scan, chosen)


def middle(mark: np.ndarray) -> np.ndarray:
    return np.array(ndimage.center_of_mass(mark))


def test_the_prompt_lies_in_the_target_vertebra() -> None:
    scan = verse(LUMBAR)
    for each in prompted(scan):
        memory, mark = np.moveaxis(each.memory, -1, 0)
        assert set(np.unique(memory)) <= {0, 1}
        at = np.unravel_index(int(mark.argmax()), mark.shape)
        assert mark.max() > 150 and each.targets[at] == 1 and not memory[at]


def test_the_prompt_is_at_the_landmark_of_the_scan() -> None:
    """A landmark beside its vertebra."""
    scan = verse(LUMBAR)
    landmarks = body_centroids(scan.label_map)
    pushed = replace(landmarks, points_mm=landmarks.points_mm + np.array((2 * SPACING, 0.0, 0.0)))
    for own, moved in zip(prompted(scan), prompted(replace(scan, landmarks=pushed)), strict=True):
        apart = middle(moved.memory[..., 1]) - middle(own.memory[..., 1])
        np.testing.assert_allclose(apart, (2.0, 0.0, 0.0), atol=0.15)


def test_prompts_are_displaced_like_predicted_landmarks() -> None:
    scan = verse(LUMBAR)
    pairs = list(zip(prompted(scan), prompted(scan, jitter_mm=4.0), strict=True))
    away = np.array([middle(b.memory[..., 1]) - middle(a.memory[..., 1]) for a, b in pairs])
    assert 0.4 < away.std() < 1.6 and np.abs(away.mean(axis=0)).max() < 0.7


def test_only_the_requested_fraction_has_a_prompt() -> None:
    scan = verse(LUMBAR)
    half = prompted(scan, share=0.5, empty_fraction=0.2)
    without = drawn(scan, settings(direction="down", patch=(32, 32, 64), empty_fraction=0.2))
    assert 4 <= sum(bool(each.memory[..., 1].any()) for each in half) <= 16
    for own, plain in zip(half[:1], without[:1], strict=True):
        np.testing.assert_array_equal(own.memory[..., 0], plain.memory)
        np.testing.assert_array_equal(own.targets, plain.targets)
    assert plain.memory.ndim == 3


def test_a_fraction_of_prompted_samples_has_no_memory() -> None:
    """True memory contains the information of a prompt: a network that always has both never learns to use prompts."""
    scan = verse(LUMBAR)
    for share in (0.0, 0.5, 1.0):
        samples = prompted(scan, prompted_without_memory=share, empty_fraction=0.2)
        lower = [each for each in samples if each.targets.any() and each.numbers[2] > CSI_LEVELS["T12"]]
        without = sum(not each.memory[..., 0].any() for each in lower)
        assert without == share * len(lower) if share != 0.5 else 0 < without < len(lower)
        assert all(each.memory[..., 0].any() for each in samples if not each.targets.any())
    unmarked = prompted(scan, share=1e-9, prompted_without_memory=1.0)
    assert all(each.memory[..., 0].any() for each in unmarked if each.numbers[2] > CSI_LEVELS["T12"])


OFFSET_MM = (4.0, -12.0, 8.0)


def test_with_an_offset_prompted_samples_have_the_patch_of_the_second_pass() -> None:
    """The offset of patch and prompt does not depend on the jitter of the landmark."""
    scan, size = verse(LUMBAR), np.array((32, 32, 64))
    alone = {"prompt_offset_mm": OFFSET_MM, "prompted_without_memory": 1.0}
    expected = (size - 1) / 2 - np.array(OFFSET_MM) / SPACING
    places = []
    for each in prompted(scan, jitter_mm=4.0, **alone):
        memory, mark = np.moveaxis(each.memory, -1, 0)
        assert np.abs(middle(mark) - expected).max() < 0.6
        assert each.targets.any() and not memory.any()
        places.append(middle(each.targets) - middle(mark))
    assert np.std(places, axis=0).min() > 0.4, "landmarks are moved"


def test_prompted_samples_show_the_image_of_their_patch() -> None:
    scan = verse(LUMBAR)
    bodies = body_centroids(scan.label_map)
    for each in prompted(scan, prompt_offset_mm=OFFSET_MM):
        level = next(name for name, number in CSI_LEVELS.items() if number == int(each.numbers[2]))
        first = centred_first(bodies.point(level), scan.volume.grid, (32, 32, 64), OFFSET_MM)
        shown = scan.volume.window(first, (32, 32, 64), fill=0).voxels
        target = each.targets > 0
        np.testing.assert_array_equal(each.inputs[..., 0][target], shown[target])
        np.testing.assert_array_equal(target, shown == VERSE_IDS[level])
        assert each.numbers[0] == 1.0


def test_with_an_offset_samples_without_a_prompt_do_not_change() -> None:
    scan = verse(LUMBAR)
    samples = prompted(scan, share=0.5, prompt_offset_mm=OFFSET_MM, prompted_without_memory=1.0, empty_fraction=0.2)
    contents = [(bool(each.targets.any()), bool(each.memory[..., 1].any())) for each in samples]
    assert contents.count((False, False)) == 4 and (False, True) not in contents
    assert 4 <= contents.count((True, True)) <= 12 and 4 <= contents.count((True, False)) <= 12
    for each, (shows, has_mark) in zip(samples, contents, strict=True):
        if shows and not has_mark:
            assert each.targets[16, 16, 32] == 1, "round a voxel of the vertebra"
            assert each.memory[..., 0].any() or each.numbers[2] == CSI_LEVELS["T12"]


def test_prompts_without_landmarks_are_at_body_centres() -> None:
    scan = verse(("C1", "C2", "C3"))
    bodies = body_centroids(scan.label_map)
    for each in prompted(scan):
        level = {CSI_LEVELS[name]: name for name in ("C1", "C2", "C3")}[int(each.numbers[2])]
        target = each.targets > 0
        if level == "C1":
            np.testing.assert_allclose(middle(each.memory[..., 1]), middle(target), atol=0.6)
        else:
            at = middle(each.memory[..., 1]) - middle(target)
            block = scan.label_map.grid.to_mm(np.argwhere(scan.label_map.voxels == CSI_LEVELS[level]).mean(axis=0))
            np.testing.assert_allclose(at * SPACING, bodies.point(level) - block, atol=2.5)


def remembering(path: Path, channels: int = CHANNELS, **change: Any) -> SampleStore:
    with SampleWriter(path, task="t", spec=SPEC) as writer:
        for index in range(4):
            memory = np.zeros((4, 5, 6, channels), np.uint8)
            memory[..., 0], memory[index % 4, 2, 3, -1] = index % 2, 200
            more = {"memory": memory} | (change if index else {})
            writer.append(**sample(index), **more, normalisation=(0, 1), case_id=str(index))
    return open_store(path)


def test_memory_of_several_channels_comes_back_as_the_last_ones(tmp_path: Path) -> None:
    store = remembering(tmp_path / "s.h5")
    assert store.has_memory and store.memory_channels == CHANNELS
    [batch] = epoch_batches(store, 4, epoch=0, seed=1, shuffle=False)
    [alike] = [SampleSequence(store, 4, seed=1, shuffle=False)[0]]
    for x in (batch[0].numpy(), alike[0]):
        assert x.shape == (4, 4, 5, 6, 1 + CHANNELS)
        assert [x[i, ..., 1].max() for i in range(4)] == [0, 1, 0, 1]
        assert [float(x[i, i, 2, 3, 2]) for i in range(4)] == [200] * 4 and (x[..., 2] > 0).sum() == 4


def test_memory_of_several_channels_moves_with_the_image(tmp_path: Path) -> None:
    store = remembering(tmp_path / "s.h5")
    mirrored = Augmentation(spacing_mm=SPEC.spacing_mm, flip_axis=0, flip=1.0, turn=0, elastic=0, intensity=0, noise=0)
    [batch] = epoch_batches(store, 4, epoch=0, seed=1, shuffle=False, augment=replace(mirrored, blur=0.0))
    x = batch[0].numpy()
    assert x.shape == (4, 4, 5, 6, 1 + CHANNELS)
    assert [float(x[i, 3 - i, 2, 3, 2]) for i in range(4)] == [200] * 4


@pytest.mark.parametrize("shape", [(4, 5, 6, 1), (4, 5, 5, 2), (4, 5), (4, 5, 6, 2, 2)])
def test_memory_that_does_not_lie_on_the_image_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="values per voxel of the inputs"):
        remembering(tmp_path / "s.h5", memory=np.zeros(shape, np.uint8))


def test_samples_with_and_without_prompts_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="memory_channels 2 and 3"):
        check_same_task(remembering(tmp_path / "a.h5"), remembering(tmp_path / "b.h5", channels=3))
