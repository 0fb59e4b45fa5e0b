"""Centres where votes gather: one for each vertebra, truncated ones too, and none for what is scattered."""

from __future__ import annotations

import numpy as np

from utility_functions.anatomy.vote_clusters import reached_centres, vote_centres

NECK = np.array([[0.0, 0.0, -17.0 * place] for place in range(5)])
LOIN = np.array([[5.0, 10.0, -120.0 - 35.0 * place] for place in range(4)])
TRUE = np.concatenate([NECK, LOIN])


def votes(rng: np.random.Generator, centre: np.ndarray, count: int, spread: float = 2.5) -> np.ndarray:
    return centre + rng.normal(0.0, spread, (count, 3))


def found(groups: list[np.ndarray]) -> np.ndarray:
    every = np.concatenate(groups)
    centres = vote_centres(every, np.full(len(every), 4.0))
    return centres[np.argsort(-centres[:, 2])]


def test_each_vertebra_is_found_at_its_centre_whatever_its_size() -> None:
    rng = np.random.default_rng(1)
    sizes = [*([900] * 5), *([4000] * 3), 300]  # the last is truncated
    centres = found([votes(rng, centre, size) for centre, size in zip(TRUE, sizes, strict=True)])
    assert len(centres) == len(TRUE)
    assert np.linalg.norm(centres - TRUE, axis=1).max() < 1.0


def test_scattered_votes_make_no_vertebra_and_arches_that_miss_belong_to_theirs() -> None:
    rng = np.random.default_rng(2)
    groups = [votes(rng, centre, 3000) for centre in LOIN]
    groups.append(votes(rng, LOIN[1] + (0.0, -14.0, 0.0), 500))  # an arch that points too short
    groups.append(rng.uniform(-200, 200, (2000, 3)))
    assert len(found(groups)) == len(LOIN)


def test_votes_reach_the_nearest_centre_or_none() -> None:
    near = np.array([[0.0, 0.0, -1.0], [0.0, 5.0, -18.0], [0.0, 60.0, 0.0]])
    np.testing.assert_array_equal(reached_centres(near, NECK), [0, 1, -1])
    assert (reached_centres(near, np.zeros((0, 3))) == -1).all()
    assert vote_centres(np.zeros((0, 3)), np.zeros(0)).shape == (0, 3)
