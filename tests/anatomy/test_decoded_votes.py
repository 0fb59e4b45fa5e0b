"""Names of bodies by the decoder: usual spines, variants, missed and truncated levels, and none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.naming.brute_force import spine
from utility_functions.anatomy.body_evidence import Bodies, mean_probabilities
from utility_functions.anatomy.labels import LEVELS, USUAL_VERTEBRAE, VERSE_IDS, regressed_level
from utility_functions.anatomy.naming.decoded_votes import decoded
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.votes import Named
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.naming_record import NamingRecord

STATISTICS = scan_statistics()
GRID = Grid.from_spacing((3, 3, 40), 10.0)


def named(
    bodies: dict, called: list[str] | None = None, sure: float = 0.9, visible: list[float] | None = None
) -> Named:
    """Bodies with their true votes, in the chain of a rule without variants."""
    level_probabilities = np.full((len(bodies), 26), (1 - sure) / 25)
    for row, name in enumerate(bodies):
        level_probabilities[row, (regressed_level(name) or 1) - 1] = sure
    sacral = [float(name in ("S1", "S2")) for name in bodies]
    names = called or list(bodies)
    voxels = np.zeros(GRID.shape, np.uint8)
    for place, name in enumerate(names):
        voxels[:, :, place] = VERSE_IDS.get(name, 0)
    points = np.array(list(bodies.values())).reshape(-1, 3)
    bodies_of_votes = Bodies.of(list(level_probabilities), visible or [1.0] * len(bodies), sacral)
    return Named(Landmarks(tuple(names), points), LabelMap(voxels, GRID), bodies=bodies_of_votes)


def ids(found: Named) -> list[int]:
    """The id of each slab of the map."""
    return [int(found.instances.voxels[0, 0, place]) for place in range(GRID.shape[2])]


def chain_from(first: str, count: int) -> list[str]:
    usual = [*USUAL_VERTEBRAE, "S1", "S2"]
    return usual[usual.index(first) : usual.index(first) + count]


def recorded(votes: Named, statistics: Statistics) -> tuple[Named, NamingRecord]:
    """The decoded bodies, and the findings of the naming."""
    found, naming = decoded(votes, statistics)
    return found, NamingRecord.of(naming, votes.landmarks.points_mm)


@pytest.mark.parametrize(
    ("bodies", "variant"),
    [
        (spine("C2", "L5"), ()),
        (spine("T9", "L3"), ()),
        (spine("T8", "L4", extra=("T13",)), ("T13",)),
        (spine("T8", "L5", without=("T12",)), ("no T12",)),
        (spine("T10", "L6", extra=("L6",)), ("L6",)),
    ],
    ids=["usual", "trunk", "T13", "no T12", "L6"],
)
def test_bodies_get_the_names_and_ids_of_the_decoder(bodies, variant) -> None:
    if "L6" in bodies:
        bodies = {**bodies, "S1": bodies["L6"] + (0.0, -16.0, -30.0)}
    called = chain_from(next(iter(bodies)), len(bodies))
    found, record = recorded(named(bodies, called), STATISTICS)
    assert found.landmarks.names == tuple(bodies)
    assert record.variants == variant
    mapped = [VERSE_IDS[name] if old in VERSE_IDS else 0 for name, old in zip(bodies, called, strict=True)]
    assert ids(found)[: len(bodies)] == mapped  # S2 has no id in VerSe
    assert set(record.posterior) == set(bodies) and min(record.posterior.values()) > 0.4


def test_an_interpolated_level_has_no_ids() -> None:
    bodies = spine("T9", "L5")
    rest = {name: place for name, place in bodies.items() if name != "L1"}
    found, record = recorded(named(rest), STATISTICS)
    assert record.interpolated == ("L1",) and found.landmarks.names == tuple(bodies)
    assert np.linalg.norm(found.landmarks.point("L1") - bodies["L1"]) < 6
    assert VERSE_IDS["L1"] not in ids(found)


def test_a_false_positive_loses_its_ids_and_is_reported() -> None:
    bodies = spine("T9", "L5")
    shown = named(bodies)
    points = np.vstack([shown.landmarks.points_mm, bodies["L2"] + (60.0, 30.0, 5.0)])
    names = (*shown.landmarks.names, "S1")
    voxels = shown.instances.voxels.copy()
    voxels[:, :, -1] = VERSE_IDS["S1"]
    assert shown.bodies is not None
    bodies_of_votes = Bodies.of(
        [*shown.bodies.level_probabilities, np.full(26, 1 / 26)],
        [*shown.bodies.seen, 1.0],
        [*(shown.bodies.sacral), 0.5],
    )
    found, record = recorded(
        Named(Landmarks(names, points), shown.instances.with_voxels(voxels), bodies=bodies_of_votes), STATISTICS
    )
    assert found.landmarks.names == tuple(bodies) and ids(found)[-1] == 0
    assert len(record.false_mm) == 1 and "1 detection was taken for no vertebra and left out." in record.notes


def test_truncated_vertebrae_without_a_centre_follow_their_neighbours() -> None:
    bodies = spine("T11", "L3")
    shown = named(bodies, chain_from("T10", 5))  # one level too high
    voxels = shown.instances.voxels.copy()
    voxels[:, :, 20], voxels[:, :, 21] = VERSE_IDS["T9"], VERSE_IDS["L3"]
    found, _ = recorded(replace(shown, instances=shown.instances.with_voxels(voxels)), STATISTICS)
    assert found.landmarks.names == tuple(bodies)
    assert ids(found)[20:22] == [VERSE_IDS["T10"], VERSE_IDS["L4"]]


def test_without_visible_centres_ids_stay() -> None:
    voxels = np.full(GRID.shape, VERSE_IDS["L2"], np.uint8)
    nothing = Named(Landmarks.empty(), LabelMap(voxels, GRID), bodies=Bodies.of([], [], []))
    found, record = recorded(nothing, STATISTICS)
    assert len(found.landmarks) == 0 and (found.instances.voxels == voxels).all() and record.notes == ()


def test_votes_without_bodies_are_refused() -> None:
    with pytest.raises(ValueError, match="Received: "):
        recorded(replace(named(spine("L1", "L2")), bodies=None), STATISTICS)


def test_variants_get_the_evidence_of_the_level_in_votes() -> None:
    evidence = named({"T12": np.zeros(3)}).bodies.evidence()[0]  # type: ignore[union-attr]
    row = dict(zip(LEVELS, evidence, strict=True))
    assert row["T13"] == row["T12"] > row["T11"] + 1
    assert row["L6"] == row["L5"] and row["S1"] < row["T11"]


@pytest.mark.parametrize(
    ("votes", "best", "second"), [([20.0, 20.0], 20, 19), ([19.5, 19.5], 19, 20), ([20.0, 22.0], 20, 22)]
)
def test_voted_numbers_spread_over_neighbouring_levels(votes, best, second) -> None:
    level_probabilities = mean_probabilities(np.array(votes, np.float32), None)
    assert level_probabilities.sum() == pytest.approx(1.0)
    assert set(np.argsort(-level_probabilities, kind="stable")[:2] + 1) in ({best, second}, {best, 21})


def test_class_probabilities_are_averaged() -> None:
    given = np.zeros((2, 26), np.float32)
    given[0, 3], given[1, 4] = 1.0, 1.0
    np.testing.assert_allclose(mean_probabilities(np.zeros(2, np.float32), given)[3:5], 0.5)
