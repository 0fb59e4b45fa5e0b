"""Maxima grouped by bodies, and their names by the decoder where heatmaps fail."""

from __future__ import annotations

import numpy as np
import pytest

from tests.naming.heatmap_spines import USUAL, peaks_of, spine_mm
from utility_functions.anatomy.labels import LEVELS, VERTEBRAE
from utility_functions.anatomy.naming.decoder import decode
from utility_functions.anatomy.naming.heatmap_evidence import MOST_BODIES, bodies_of, detections_of, with_neighbours
from utility_functions.anatomy.peaks import Peaks

SOUND = ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4")


def test_maxima_of_one_body_are_one_detection_at_the_highest() -> None:
    places = spine_mm(SOUND)
    places["beside"] = places["L1"] + (0, 0, 8.0)
    peaks = peaks_of([("beside", "T12", 0.4), ("L1", "L1", 0.7), ("L1", "L1", 0.2), ("L2", "L2", 0.9)], places)
    responses, points = bodies_of(peaks, VERTEBRAE)
    np.testing.assert_allclose(points, [places["L2"], places["L1"]])
    assert [(LEVELS[level], row[level]) for row in responses for level in np.flatnonzero(row)] == [
        ("L2", 0.9),
        ("T12", 0.4),
        ("L1", 0.7),
    ]


def test_neighbouring_levels_get_a_tenth_of_the_response() -> None:
    responses = np.zeros((1, len(LEVELS)))
    responses[0, LEVELS.index("T12")], responses[0, LEVELS.index("L1")] = 0.8, 0.02
    wider = dict(zip(LEVELS, with_neighbours(responses)[0], strict=True))
    assert {name: round(heatmap, 6) for name, heatmap in wider.items() if heatmap} == {
        "T11": 0.08,
        "T12": 0.8,
        "T13": 0.08,
        "L1": 0.08,
        "L2": 0.002,
    }


def test_a_higher_response_lowers_the_false_positive_probability() -> None:
    peaks = peaks_of([("L1", "L1", 1.0), ("L2", "L2", 0.6), ("L3", "L3", 0.05)], spine_mm(SOUND))
    np.testing.assert_allclose(detections_of(peaks, VERTEBRAE).false_prior, [0.02, 0.4, 0.95])


def test_in_noise_only_the_highest_maxima_are_kept() -> None:
    rng = np.random.default_rng(1)
    noise = Peaks(rng.uniform(-500, 500, (400, 3)), rng.integers(0, len(VERTEBRAE), 400), rng.uniform(0.05, 0.4, 400))
    found = detections_of(noise, VERTEBRAE)
    assert len(found) == MOST_BODIES
    np.testing.assert_allclose(found.points_mm[0], noise.places[noise.responses.argmax()])


def test_no_maximum_is_no_detection() -> None:
    empty = Peaks.joined([])
    assert len(detections_of(empty, VERTEBRAE)) == 0
    assert len(decode(detections_of(empty, VERTEBRAE), USUAL).found) == 0


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ([(name, name, 0.9) for name in SOUND], SOUND),
        ([(name, name, 0.9) for name in SOUND if name != "L1"], tuple(name for name in SOUND if name != "L1")),
        ([(name, name, 0.9) for name in SOUND] + [("L4", "L2", 0.5), ("T9", "T11", 0.4)], SOUND),
        ([(n, {"L1": "L2", "L2": "L1"}.get(n, n), 0.9) for n in SOUND], SOUND),
        ([(n, "L2" if n == "L1" else n, 0.9) for n in SOUND], SOUND),
        ([(n, "L4" if n == "T9" else n, 0.9) for n in SOUND], SOUND),
        ([(name, name, 0.9) for name in SOUND] + [("false", "L1", 0.2)], SOUND),
    ],
    ids=["sound", "missing", "doubled", "swapped", "shifted", "far off", "false"],
)
def test_the_decoder_corrects_failures_of_heatmaps(
    responses: list[tuple[str, str, float]], expected: tuple[str, ...]
) -> None:
    places = spine_mm(SOUND)
    places["false"] = places["L1"] + (70.0, 20.0, 0.0)
    found = decode(detections_of(peaks_of(responses, places), VERTEBRAE), USUAL).found
    assert found.names == expected
    for name, point in found:
        np.testing.assert_allclose(point, places[name], atol=1e-9)
