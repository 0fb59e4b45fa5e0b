"""Memory in samples with the errors of a traversal: rough borders, or a part of a vertebra moved to its neighbour."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.samples.cut.memory_corruption import LARGEST_FRACTION, corrupted_memory
from learning_functions.samples.cut.memory_roughness import roughened_memory
from tests.samples.blocks import LUMBAR, settings, verse
from tests.samples.test_instance_samples import drawn, ids_in


def test_roughened_memory_is_rough_at_the_border_alone_and_the_same_again_by_the_same_seed() -> None:
    memory = np.zeros((24, 24, 24), np.uint8)
    memory[6:18, 6:18, 6:18] = 1
    roughened = roughened_memory(memory, np.random.default_rng(1))
    assert roughened.dtype == np.uint8 and set(np.unique(roughened)) == {0, 1}
    changed = roughened != memory
    assert 0.02 < changed.mean() < 0.2
    assert not changed[9:15, 9:15, 9:15].any() and not changed[:3].any() and not changed[21:].any()
    assert (roughened[changed] == 1).any() and (roughened[changed] == 0).any(), "voxels are both added and removed"
    assert np.array_equal(roughened, roughened_memory(memory, np.random.default_rng(1)))
    assert not roughened_memory(np.zeros_like(memory), np.random.default_rng(1)).any()


def test_only_the_requested_fraction_is_roughened() -> None:
    scan = verse(LUMBAR)
    plain, roughened = (drawn(scan, settings(direction="down", memory_roughness=fraction)) for fraction in (0.0, 1.0))
    assert any(not np.array_equal(a.memory, b.memory) for a, b in zip(plain, roughened, strict=True))


def two_cubes() -> tuple[np.ndarray, np.ndarray]:
    """A traversed vertebra and the next one, 12 mm wide, one above the other."""
    passed, coming = np.zeros((24, 24, 24), bool), np.zeros((24, 24, 24), bool)
    passed[6:18, 6:18, 12:22], coming[6:18, 6:18, 2:12] = True, True
    return passed, coming


def test_corrupted_memory_lacks_or_adds_a_part() -> None:
    passed, coming = two_cubes()
    memory, kinds = passed.astype(np.uint8), set()
    for seed in range(60):
        corrupted = corrupted_memory(memory, passed, coming, (1.0, 1.0, 1.0), np.random.default_rng(seed))
        lost, taken = passed & (corrupted == 0), coming & (corrupted == 1)
        assert not (lost.any() and taken.any()) and not corrupted[~(passed | coming)].any()
        assert max(lost.sum() / passed.sum(), taken.sum() / coming.sum()) <= LARGEST_FRACTION
        kinds.add((bool(lost.any()), bool(taken.any())))
    assert kinds == {(True, False), (False, True), (False, False)}, "a large part is not moved"


def test_corruption_depends_on_the_seed_and_needs_a_neighbour() -> None:
    passed, coming = two_cubes()
    memory, nothing = passed.astype(np.uint8), np.zeros_like(passed)
    twice = [corrupted_memory(memory, passed, coming, (1.0,) * 3, np.random.default_rng(4)) for _ in range(2)]
    assert np.array_equal(*twice)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        assert not (corrupted_memory(memory, passed, nothing, (1.0,) * 3, rng) > memory).any()
        assert corrupted_memory(memory, nothing, nothing, (1.0,) * 3, rng) is memory


@pytest.mark.parametrize("direction", ["up", "down"])
def test_only_the_last_or_the_next_vertebra_is_corrupted(direction: str) -> None:
    scan, changed = verse(LUMBAR), 0
    for seed in range(30):
        plain, corrupted = (
            drawn(scan, settings(1, (16, 16, 48), direction=direction, memory_corruption=fraction), seed)[0]
            for fraction in (0.0, 1.0)
        )
        np.testing.assert_array_equal(plain.targets, corrupted.targets)
        [target] = ids_in(plain, "targets")
        before, after = ids_in(plain, "memory"), ids_in(corrupted, "memory")
        last = target + (1 if direction == "up" else -1)
        assert before <= after | {last} and after <= before | {target}
        others = ~np.isin(plain.inputs[..., 0], (target, last))
        assert np.array_equal(plain.memory[others], corrupted.memory[others])
        changed += bool((plain.memory != corrupted.memory).any())
    assert changed > 10
