"""Parts of the spine from masks of whole vertebrae: bodies in front, arches behind, discs between."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.anatomy.labels import SACRAL, VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.parts import ARCH, BODY, DISC, SACRUM, _drawn_out, column_of, vertebra_parts
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap
from utility_functions.phantom.scanner import PhantomScan, make_phantom


@pytest.fixture(scope="module")
def lumbar() -> PhantomScan:
    return make_phantom(np.random.default_rng(2), region="lumbar", spacing_mm=2.0, axcodes="RAS")


@pytest.fixture(scope="module")
def upright(lumbar: PhantomScan) -> LabelMap:
    return resample(lumbar.label_map, lumbar.label_map.grid.upright((2.0, 2.0, 2.0), "RAS"))


def test_every_labelled_voxel_is_body_arch_or_sacrum_and_no_other_is(lumbar: PhantomScan, upright: LabelMap) -> None:
    parts = vertebra_parts(lumbar.landmarks, upright)
    assert np.array_equal(np.isin(parts, (BODY, ARCH, SACRUM)), upright.voxels > 0)


def test_bodies_lie_round_their_centroids_arches_behind_and_discs_between(
    lumbar: PhantomScan, upright: LabelMap
) -> None:
    parts = vertebra_parts(lumbar.landmarks, upright)
    for name, point in list(lumbar.landmarks)[1:]:  # the first is truncated
        if name in SACRAL:
            continue
        own = upright.voxels == VERSE_IDS[name]
        body = upright.grid.to_mm(np.argwhere(own & (parts == BODY)))
        arch = upright.grid.to_mm(np.argwhere(own & (parts == ARCH)))
        assert np.linalg.norm(body.mean(axis=0) - point) < 6, name
        assert (arch[:, 1] < point[1]).mean() > 0.8, name
        assert 0.3 < len(body) / own.sum() < 0.9, name
    points = lumbar.landmarks.only(VERTEBRAE).points_mm
    between = np.round(upright.grid.to_index((points[1:] + points[:-1]) / 2)).astype(int)
    assert np.mean(parts[tuple(between.T)] == DISC) > 0.6


@pytest.mark.parametrize("missing", [("first",), ("last",), ("first", "last")])
def test_a_labelled_level_without_a_centroid_is_a_body(
    missing: tuple[str, ...], lumbar: PhantomScan, upright: LabelMap
) -> None:
    whole = vertebra_parts(lumbar.landmarks, upright)
    names = lumbar.landmarks.names
    kept = names[("first" in missing) : len(names) - ("last" in missing)]
    drawn_out = vertebra_parts(lumbar.landmarks.only(kept), upright)
    for name in set(names) - set(kept):
        own = upright.voxels == VERSE_IDS[name]
        assert ((drawn_out == BODY) & (whole == BODY) & own).sum() > 0.7 * ((whole == BODY) & own).sum()


@pytest.mark.parametrize(("codes", "column"), [([0, 1, 2, 3, 4], [0, 1, 1, 0, 0]), ([0, 1], [0, 1])])
def test_the_column_is_bodies_and_discs_or_the_published_mask(codes: list[int], column: list[int]) -> None:
    detection = LabelMap(np.array(codes, np.uint8).reshape(-1, 1, 1), Grid((len(codes), 1, 1), np.eye(4)))
    assert column_of(detection).voxels.ravel().tolist() == column


@pytest.mark.parametrize("labelled", [("T10", "T11", "T12", "L1"), ("L1", "T12", "T11", "T10")])
def test_the_targeted_level_is_the_nearest_one(labelled: tuple[str, ...]) -> None:
    known = Landmarks(("T10", "T11"), np.array([[0.0, 0.0, 25.0], [0.0, 0.0, 0.0]]))
    assert set(_drawn_out(known, dict.fromkeys(labelled)).names) == {"T10", "T11", "T12"}
    below = Landmarks(("L1", "L2"), np.array([[0.0, 0.0, 25.0], [0.0, 0.0, 0.0]]))
    assert set(_drawn_out(below, dict.fromkeys(labelled)).names) == {"T12", "L1", "L2"}
