"""Truncated vertebrae of a chain, also in a scan oblique to the upright image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from learning_functions.inference.iterative.patch_prediction import Instance, are_truncated, touches_border
from learning_functions.inference.iterative.segmented_chain import found_instances
from tests.views import view_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings

IMAGE = Grid.from_spacing((40, 40, 40), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
BLANK = Volume(np.zeros(IMAGE.shape, np.float32), IMAGE)


def block(x: int, z: int, complete: float = 0.0) -> Instance:
    return Instance((x, 18, z), np.ones((4, 4, 4), bool), complete, np.nan)


def tilted(degrees: float) -> Grid:
    """A scan of 60 mm along each axis round the centre of the image, rotated about the left-right axis."""
    angle = np.deg2rad(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn * 1.0
    affine[:3, 3] = 39.0 - turn @ np.full(3, 29.5)
    return Grid((60, 60, 60), affine)


def test_an_upright_image_is_its_own_scan() -> None:
    assert touches_border(block(18, 1), IMAGE) and touches_border(block(18, 35), IMAGE)
    assert touches_border(block(35, 18), IMAGE)
    assert not touches_border(block(18, 18), IMAGE) and not touches_border(block(18, 2), IMAGE)


@pytest.mark.parametrize("degrees", [0.0, 20.0, 40.0])
def test_the_faces_of_a_scan_count_at_any_tilt(degrees: float) -> None:
    scan = tilted(degrees)
    assert not touches_border(block(18, 18), IMAGE, scan)
    top = scan.to_mm((29.5, 29.5, 58.0))  # a millimetre below its upper face, inside the image
    index = np.rint(IMAGE.to_index(top)).astype(int)
    one = Instance((int(index[0]), int(index[1]), int(index[2])), np.ones((1, 1, 1), bool), 0.0, np.nan)
    assert touches_border(one, IMAGE, scan) and not touches_border(one, IMAGE)


def test_incomplete_vertebrae_at_ends_or_borders_are_truncated() -> None:
    chain = [block(18, 30), block(35, 22), block(18, 14), block(18, 6)]
    assert are_truncated(chain, IMAGE) == [True, True, False, True]
    whole = [Instance(one.start, one.mask, 1.0, one.level) for one in chain]
    assert are_truncated(whole, IMAGE) == [False] * 4
    assert are_truncated([], IMAGE) == []


@pytest.mark.parametrize(("complete", "expected"), [(0.0, ("T11", "T12", "L1")), (1.0, ("T10", "T12", "L1"))])
def test_a_process_left_of_a_truncated_end_counts_as_the_next_vertebra(
    complete: float, expected: tuple[str, ...]
) -> None:
    bodies = [replace(block(18, z, 1.0), start=(18, 30, z)) for z in (17, 4)]
    chain = [replace(block(18, 30, complete), start=(18, 7, 30)), *bodies]  # 46 mm behind
    landmarks = Landmarks(("T12", "L1"), IMAGE.to_mm(np.array([one.mean for one in bodies])))
    findings = Findings("scan", IMAGE, landmarks=landmarks)
    found = found_instances(view_of(BLANK, findings, scan=IMAGE, truncated="keep"), chain)
    assert found.landmarks is not None and found.landmarks.names == expected


def test_two_truncated_vertebrae_are_counted_as_neighbours() -> None:
    chain = [replace(block(18, 20), start=(18, 7, 20)), replace(block(18, 7), start=(18, 30, 7))]
    landmarks = Landmarks(("T12",), IMAGE.to_mm(chain[1].mean[None]))
    found = found_instances(view_of(BLANK, Findings("scan", IMAGE, landmarks=landmarks), scan=IMAGE), chain)
    assert found.landmarks is not None and found.landmarks.names == ("T11", "T12")
