"""VID keypoints: bodies, probabilities and pedicles in RAS+ mm, and files that hold none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.keypoints import read_keypoints


def entry(kind: str, place: list, **more: object) -> dict:
    return {"coordinates": {"world_space": place}, "type": {"keypoint_type": kind, **more}}


def test_bodies_and_pedicles_come_out_in_ras(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    path.write_text(
        json.dumps(
            [
                entry("body", [1.0, 2.0, 3.0], spine_level="L6"),
                entry("left", [4.0, 5.0, 6.0], spine_segment_probabilities=[0, 0, 0]),
                entry("body", [7.0, 8.0, 9.0], spine_segment_probabilities=[0.1, 0.2, 0.9]),
            ]
        )
    )
    found = read_keypoints(path)
    assert found.names == ("L6", "")
    np.testing.assert_array_equal(found.bodies_mm, [[-1, -2, 3], [-7, -8, 9]])
    np.testing.assert_array_equal(found.probabilities[1], [0.1, 0.2, 0.9])
    assert np.isnan(found.probabilities[0]).all()
    np.testing.assert_array_equal(found.left_mm, [[-4, -5, 6]])
    assert found.right_mm.shape == (0, 3)


def test_an_empty_list_holds_no_keypoint(tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("[]")
    assert read_keypoints(tmp_path / "none.json").bodies_mm.shape == (0, 3)


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "{}",
        "[1]",
        json.dumps([entry("body", [1, 2])]),
        json.dumps([entry("body", [1, 2, "x"])]),
        json.dumps([entry("rib", [1, 2, 3])]),
        json.dumps([entry("body", [1, 2, 3], spine_level="L9")]),
        '[{"coordinates": {"world_space": [1, 2, NaN]}, "type": {"keypoint_type": "left"}}]',
    ],
)
def test_invalid_keypoints_are_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(BrokenFile, match=r"broken\.json"):
        read_keypoints(path)
