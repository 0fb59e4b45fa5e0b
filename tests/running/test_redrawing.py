"""Masks of a chain drawn once more by marks: what slipped is put right, and nobody's mask is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.running.instance import Instance, Point, Sight
from learning_functions.running.instance_walk import walk
from learning_functions.running.redrawing import redrawn
from learning_functions.task import Running
from tests.running.spine_truth import SPACING_MM, centres, spine, window
from tests.running.test_instance_walk import AIR, Reader, scan_of, settings
from tests.running.test_marks import Told, marking
from utility_functions.anatomy.centroids import body_centroids
from utility_functions.anatomy.findings import Findings

PATCH = (20, 20, 16)
STRAIGHT = np.zeros(3)


def chain_of(labels: NDArray[np.integer]) -> list[Instance]:
    found = []
    for number in range(1, int(labels.max()) + 1):
        where = np.argwhere(labels == number)
        low, high = where.min(axis=0), where.max(axis=0) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        start = (int(low[0]), int(low[1]), int(low[2]))
        found.append(Instance(start, labels[box] == number, 1.0, float(number)))
    return found


def whole(one: Instance, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[one.box] = one.mask
    return mask


class Drawing:
    """Draws the vertebra of ``labels`` that is nearest to the mark; asked with nothing in memory."""

    def __init__(self, labels: NDArray[np.integer], sure: float = 1.0) -> None:
        self.labels, self.sure = labels, sure
        self.meant: list[Point] = []

    def __call__(self, corner: tuple[int, int, int], memory: NDArray[np.uint8], meant: Point | None) -> Sight:
        assert meant is not None and not memory.any()
        self.meant.append(meant)
        own = window(self.labels, corner, PATCH) == self.number(meant)
        return Sight(self.sure * own.astype(np.float32), 0.0, 0.0)

    def number(self, meant: Point) -> int:
        places = centres(self.labels)
        return min(places, key=lambda number: float(np.linalg.norm(places[number] - meant)))


def test_parts_that_went_to_a_neighbour_come_back() -> None:
    labels = spine(4)
    slipped = labels.copy()
    slipped[:10][labels[:10] == 2] = 3
    points = np.array(list(centres(labels).values()))
    drawn = redrawn(Drawing(labels), chain_of(slipped), labels.shape, PATCH, SPACING_MM, points, STRAIGHT)
    for number, one in enumerate(drawn, start=1):
        assert np.array_equal(whole(one, labels.shape), labels == number)
        assert (one.complete, one.level) == (1.0, number), "as they were told on the way"
        assert one.shares is not None and one.shares.shape == tuple(size + 2 for size in one.mask.shape)


def test_vertebrae_without_a_known_centroid_are_marked_at_their_bodies() -> None:
    labels = spine(3)
    see = Drawing(labels)
    redrawn(see, chain_of(labels), labels.shape, PATCH, SPACING_MM, np.zeros((0, 3)), STRAIGHT)
    for number, meant in enumerate(see.meant, start=1):
        assert labels[tuple(np.rint(meant).astype(int))] == number
    known = np.array([centres(labels)[2] + (1.0, 0.0, 0.0)])
    see = Drawing(labels)
    redrawn(see, chain_of(labels), labels.shape, PATCH, SPACING_MM, known, STRAIGHT)
    assert np.array_equal(see.meant[1], known[0]) and not np.array_equal(see.meant[0], known[0])


def test_what_several_claim_goes_to_the_likeliest_and_the_largest_piece_of_it() -> None:
    labels = spine(3)

    class Greedy(Drawing):
        """Of the second one also, less likely, all of the third."""

        def __call__(self, corner: tuple[int, int, int], memory: NDArray[np.uint8], meant: Point | None) -> Sight:
            sight = super().__call__(corner, memory, meant)
            if meant is None or self.number(meant) != 2:
                return sight
            seen = window(self.labels, corner, PATCH)
            joined = np.isin(seen, (2, 3)) * np.float32(0.6)
            between = (seen == 2).any(axis=2)[:, :, None] & (joined.cumsum(axis=2) > 0)
            return replace(sight, mask=np.maximum(np.asarray(sight.mask), np.maximum(joined, between * 0.6)))

    points = np.array(list(centres(labels).values()))
    drawn = redrawn(Greedy(labels), chain_of(labels), labels.shape, PATCH, SPACING_MM, points, STRAIGHT)
    masks = [whole(one, labels.shape) for one in drawn]
    assert np.array_equal(masks[2], labels == 3) and not (masks[1] & masks[2]).any()
    assert masks[1][labels == 2].all()


@pytest.mark.parametrize("sure", [0.0, 0.3])
def test_a_network_that_sees_nothing_again_changes_nothing(sure: float) -> None:
    labels = spine(3)
    points = np.array(list(centres(labels).values()))
    before = chain_of(labels)
    for one, old in zip(
        redrawn(Drawing(labels, sure), before, labels.shape, PATCH, SPACING_MM, points, STRAIGHT), before, strict=True
    ):
        assert np.array_equal(whole(one, labels.shape), whole(old, labels.shape))


class Finding(Told):
    """Finds by memory, unmarked, the most of each vertebra, and draws the whole one by its mark."""

    def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        drawn = super().predict_on_batch(batch)
        if batch[..., 2].any():
            return drawn
        found = Reader(scan_of(4)[0]).predict_on_batch(batch[..., :2])
        half = np.cumsum(found["mask"], axis=1) <= found["mask"].sum(axis=1, keepdims=True) * 0.75
        return {**found, "mask": found["mask"] * half}


@pytest.mark.parametrize("told", [True, False])
def test_a_chain_found_without_marks_is_drawn_anew_where_the_card_says_so(told: bool) -> None:
    image, truth = scan_of(4)
    network = Finding()
    landmarks = body_centroids(truth) if told else None
    findings = Findings("scan", image.grid, landmarks=landmarks)
    found = walk(network, marking(settings(), redrawn=True), image, findings, AIR, Running())
    assert sum(mark > 0 for mark in network.marks) == 4 and not any(network.marks[:-4]), "marked once all are found"
    assert found.instances is not None and found.trail is not None
    assert np.array_equal(found.instances.voxels, truth.voxels)
