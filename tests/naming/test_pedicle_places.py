"""Pedicles: their bodies in the truth, their fitted positions, and their assignment to bodies by these."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.naming.brute_force import spine
from utility_functions.anatomy.labels import REGIONS
from utility_functions.anatomy.naming.__main__ import main
from utility_functions.anatomy.naming.nodes import LEFT, RIGHT, nodes_of
from utility_functions.anatomy.naming.pedicle_places import PediclePlaces, known, mirrored, read_places
from utility_functions.anatomy.naming.pedicle_truth import detected_pedicles, same, true_edges
from utility_functions.anatomy.vertebral_keypoints import Keypoints

OFFSETS = {"Cervical": (17.0, -7.0, 5.0), "Thoracic": (11.0, -20.0, 4.0), "Lumbar": (17.0, -24.0, 3.0)}


def bodies_of(first: str, last: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bodies (N, 3) of a usual spine, their regions' probabilities, and the vectors to their right pedicles."""
    levels = spine(first, last)
    regions = [next(region for region, names in REGIONS.items() if name in names) for name in levels]
    placed = np.array([[0.96 if region == other else 0.02 for other in OFFSETS] for region in regions])
    return np.array(list(levels.values())), placed, np.array([OFFSETS[region] for region in regions])


def scan_of(first: str, last: str, seed: int) -> tuple[Keypoints, Keypoints]:
    """Detections of a usual spine, in any order, and the truth, listed from the top down."""
    rng = np.random.default_rng(seed)
    points, placed, vectors = bodies_of(first, last)
    left, right = (points + vectors * (sign, 1, 1) + rng.normal(size=points.shape) for sign in (-1, 1))
    names = tuple(spine(first, last))
    mixed, others, more = (rng.permutation(len(points)) for _ in range(3))
    moved = points + rng.normal(size=points.shape)
    detected = Keypoints(moved[mixed], ("",) * len(points), placed[mixed], left[others] + 0.5, right[more] - 0.5)
    return detected, Keypoints(points, names, np.full(points.shape, np.nan), left, right)


@pytest.fixture(scope="module")
def places() -> PediclePlaces:
    scans = [scan_of(*ends, seed) for seed, ends in enumerate([("C3", "T6"), ("T4", "L2"), ("T9", "L5")] * 4)]
    return PediclePlaces.fit(
        (detected.bodies_mm, detected.probabilities, detected_pedicles(detected, true)) for detected, true in scans
    )


def test_the_truth_lists_bodies_and_pedicles_alike_and_a_last_pedicle_more_is_of_no_named_body() -> None:
    truth = Keypoints(np.zeros((2, 3)), ("L4", "L5"), np.zeros((2, 3)), np.zeros((3, 3)), np.zeros((1, 3)))
    assert true_edges(truth, 0) == {0: 0, 1: 1}
    assert true_edges(truth, 1) == {0: 0}


def test_points_are_the_same_one_to_one_within_the_limit() -> None:
    detected, true = np.array([[0.0, 0, 0], [0, 0, 1], [50, 0, 0]]), np.array([[0.0, 0, 2], [0, 0, -1]])
    assert same(detected, true, 5.0) == {0: 1, 1: 0}
    assert same(np.zeros((0, 3)), true, 5.0) == {}


def test_detected_pedicles_are_matched_with_the_truth() -> None:
    detected, true = scan_of("T9", "L5", 5)
    found = detected_pedicles(detected, true)
    assert np.isfinite(found).all()
    row = int(np.linalg.norm(detected.bodies_mm - true.bodies_mm[0], axis=1).argmin())
    assert np.linalg.norm(found[0, row] - true.left_mm[0]) < 2
    lost = Keypoints(
        detected.bodies_mm, detected.names, detected.probabilities, detected.left_mm + 100, detected.right_mm
    )
    assert np.isnan(detected_pedicles(lost, true)[0]).all()


@pytest.mark.parametrize(("first", "last"), [("C3", "T5"), ("T3", "L1"), ("T10", "L5")])
def test_each_body_gets_its_own_pedicles(places: PediclePlaces, first: str, last: str) -> None:
    detected, true = scan_of(first, last, 99)
    found = places.own(detected.bodies_mm, detected.probabilities, detected.left_mm, detected.right_mm)
    np.testing.assert_array_equal(found, detected_pedicles(detected, true))


def test_a_false_pedicle_is_unassigned_and_a_body_without_pedicles_gets_none(places: PediclePlaces) -> None:
    points, placed, vectors = bodies_of("T10", "L5")
    right = np.vstack([(points + vectors)[1:], points[3] + (70.0, 30.0, 0.0)])
    found = places.own(points, placed, np.zeros((0, 3)), right)
    assert np.isnan(found[0]).all() and np.isnan(found[1, 0]).all()
    np.testing.assert_array_equal(found[1, 1:], right[:-1])


def test_left_and_right_mirror_each_other(places: PediclePlaces) -> None:
    detected, _ = scan_of("T6", "L3", 7)
    turned = np.array([-1.0, 1.0, 1.0])
    given = (detected.left_mm, detected.right_mm)
    found = places.own(detected.bodies_mm, detected.probabilities, *given)
    others = places.own(detected.bodies_mm * turned, detected.probabilities, given[1] * turned, given[0] * turned)
    np.testing.assert_allclose(others[::-1] * turned, found)
    features = known(detected.bodies_mm, detected.probabilities)
    np.testing.assert_allclose(
        mirrored(features, -1.0), known(detected.bodies_mm * turned, detected.probabilities), atol=1e-9
    )


def test_empty_input_gives_no_pedicles(places: PediclePlaces) -> None:
    assert places.own([], [], [], []).shape == (2, 0, 3)
    alone = places.own([[0.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]], [], [[17.0, -24.0, 3.0]])
    assert np.isnan(alone[0]).all() and alone.shape == (2, 1, 3)


def test_places_survive_json_and_other_texts_are_refused(places: PediclePlaces) -> None:
    assert PediclePlaces.from_json(places.to_json()) == places
    for text in ("no", "{}", json.dumps({"weights": [[0, 0, 0]], "covariances": []})):
        with pytest.raises(ValueError, match="Received"):
            PediclePlaces.from_json(text)


def test_too_few_to_learn_from_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        PediclePlaces.fit([([[0, 0, 0]], [[0, 0, 1]], np.full((2, 1, 3), np.nan))])
    with pytest.raises(ValueError, match="at least"):
        PediclePlaces.fit([])


def test_the_shipped_places_come_from_vid_and_nodes_use_them_with_regions() -> None:
    shipped = read_places(None)
    assert shipped is read_places(None) and np.linalg.eigvalsh(shipped.covariances).min() > 0
    points, placed, vectors = bodies_of("T8", "L4")
    pedicles = (points + vectors * (-1, 1, 1), points + vectors)
    by_places, _ = nodes_of(points, placed, pedicles, shipped)
    assert by_places[:, LEFT.start].all() and by_places[:, RIGHT.start].all()
    untold = placed.copy()
    untold[0] = np.nan
    fixed, _ = nodes_of(points, untold, pedicles)
    np.testing.assert_array_equal(nodes_of(points, untold, pedicles, shipped)[0], fixed)


def test_the_command_writes_places_to_its_output(tmp_path: Path) -> None:
    for part in ("truth", "predictions"):
        (tmp_path / part).mkdir()
    for number in range(8):
        for part, points in zip(("predictions", "truth"), scan_of("T5", "L5", number), strict=True):
            entries = [
                {
                    "coordinates": {"world_space": (point * (-1, -1, 1)).tolist()},
                    "type": {"keypoint_type": kind} | placed,
                }
                for kind, places_mm in (
                    ("body", points.bodies_mm),
                    ("left", points.left_mm),
                    ("right", points.right_mm),
                )
                for point, placed in zip(
                    places_mm,
                    [
                        {"spine_level": name} if part == "truth" else {"spine_segment_probabilities": list(fractions)}
                        for name, fractions in zip(points.names, points.probabilities, strict=True)
                    ]
                    if kind == "body"
                    else [{}] * len(places_mm),
                    strict=True,
                )
            ]
            (tmp_path / part / f"{number}.json").write_text(json.dumps(entries))
    statistics, places = tmp_path / "statistics.json", tmp_path / "places.json"
    assert main([str(tmp_path), "--output", str(statistics), "--places", str(places)]) == 0
    assert "CC BY-SA" in json.loads(places.read_text())["attribution"]
    assert read_places(places.read_text()).own([], [], [], []).shape == (2, 0, 3)
