"""The vertebra that is meant, where its centroid is known: shown to networks that learnt marks, and to no others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.running.instance import Point, Sight
from learning_functions.running.instance_refinement import refined
from learning_functions.running.instance_walk import seeing, walk
from learning_functions.running.starts import Centroids, Corner
from learning_functions.running.traversal import traverse
from learning_functions.task import Running, Settings
from tests.running.spine_truth import SPACING_MM, Oracle, centres, check_true, spine
from tests.running.test_instance_walk import AIR, PATCH, TOP, Reader, scan_of, settings
from utility_functions.anatomy.centroids import body_centroids
from utility_functions.anatomy.findings import Findings
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume


def marking(own: Settings, **options: Any) -> Settings:
    more = {"marked_share": 0.5, "mark_sigma_mm": 3.0, **options}
    return own.changed(options={**own.options, **more})


@dataclass
class Told:
    """Shows the vertebra in which the mark lies, whatever memory holds; nothing without a mark."""

    marks: list[float] = field(default_factory=list)

    def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        assert batch.shape == (1, *PATCH, 3)
        levels, mark = np.rint(batch[0, ..., 0] * 100).astype(int), batch[0, ..., 2]
        self.marks.append(float(mark.max()))
        level = levels[np.unravel_index(int(mark.argmax()), mark.shape)] if mark.any() else 0
        own = (levels == level) & (levels > 0)
        return Reader.answer(own, float(level > 0), float(level))


def test_a_traversal_from_landmarks_marks_each_of_them() -> None:
    image, truth = scan_of(5)
    network = Told()
    findings = Findings("scan", image.grid, landmarks=body_centroids(truth))
    found = walk(network, marking(settings()), image, findings, AIR, Running())
    assert found.instances is not None and np.array_equal(found.instances.voxels, truth.voxels)
    assert found.landmarks is not None and found.landmarks.names == body_centroids(truth).names
    assert min(mark for mark in network.marks if mark) > 150
    assert 0 in network.marks, "beyond the last one the trail is followed, and nothing is meant"


def test_without_landmarks_nothing_is_marked() -> None:
    image, _ = scan_of(3)
    network = Told()
    walk(network, marking(settings()), image, Findings("scan", image.grid), AIR, Running())
    assert set(network.marks) == {0.0}


def test_only_centroids_that_are_meant_are_told() -> None:
    labels = spine(4)

    class Listening(Oracle):
        def __call__(
            self, corner: tuple[int, int, int], memory: NDArray[np.uint8], meant: Point | None = None
        ) -> Sight:
            told.append(meant)
            return super().__call__(corner, memory, meant)

    places = centres(labels)
    for starts, expected in (
        (Centroids(places.values(), "down", meant=True), list(places.values())),
        (Centroids(places.values(), "down"), []),
        (Corner(labels.shape, (20, 20, 16), "down"), []),
    ):
        told: list[Point | None] = []
        done = traverse(Listening(labels, "down"), labels.shape, (20, 20, 16), SPACING_MM, "down", [starts])
        check_true(done, labels, "down")
        assert {tuple(at) for at in told if at is not None} == {tuple(at) for at in expected}


@pytest.mark.parametrize("is_marked", [True, False])
def test_a_network_that_did_not_learn_marks_is_shown_none(is_marked: bool) -> None:
    image = Volume(np.full((30, 30, 30), 0.5, np.float32), Grid.from_spacing((30, 30, 30), SPACING_MM, (1.0, 2.0, 3.0)))
    own = marking(settings()) if is_marked else settings()
    shown: list[NDArray[np.float32]] = []

    class Seeing:
        def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
            shown.append(batch)
            return Reader.answer(np.zeros(PATCH), 0.0, 0.0)

    meant = np.array((12.0, 11.0, 9.0))
    seeing(Seeing(), own, image, AIR)((5, 4, 3), np.zeros(PATCH, np.uint8), meant)
    [batch] = shown
    assert batch.shape == (1, *PATCH, 3 if is_marked else 2)
    if is_marked:
        assert batch[0, 7, 7, 6, 2] == 255 and batch[0, ..., 2].argmax() == np.ravel_multi_index((7, 7, 6), PATCH)


def test_a_second_look_means_the_vertebra_too() -> None:
    image, truth = scan_of(3, top=TOP)
    network = Told()
    own = marking(settings(), refine_mm=SPACING_MM)
    findings = Findings("scan", image.grid, landmarks=body_centroids(truth), instances=truth)

    def image_at(grid: Grid) -> Volume:
        first = np.rint(image.grid.to_index(grid.to_mm((0, 0, 0)))).astype(int)
        return replace(image.window(first, grid.shape, fill=0.0), grid=grid)

    found = refined(network, own, image_at, truth, findings, AIR)
    assert found.instances is not None and np.array_equal(found.instances.voxels, truth.voxels) and not found.notes
    assert max(network.marks) > 150
