"""Landmarks: the same points in mm through every format, wherever and however the scan is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marked_scans import rotation

from utility_functions.files.annotations import (
    read_landmarks,
    write_landmarks_csv,
    write_landmarks_json,
    write_lml,
    write_markups,
    write_verse_json,
)
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.images import read_grid, read_label_map
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.landmarks import Landmarks

FORMATS: dict[str, tuple[str, Callable[..., None]]] = {
    "VerSe": ("a_ctd.json", write_verse_json),
    "CSI": ("a.lml", write_lml),
    "Slicer": ("a.mrk.json", lambda landmarks, path, grid: write_markups(landmarks, path)),
    "CSV": ("a.csv", lambda landmarks, path, grid: write_landmarks_csv(landmarks, path)),
    "JSON": ("a.json", lambda landmarks, path, grid: write_landmarks_json(landmarks, path)),
}
NAMES = ("C7", "T13", "L6", "S1")
INDICES = np.array([[0, 0, 0], [4, 5, 6], [1, 2, 3], [3.3, 0.5, 2.2]])


def same(found: Landmarks, expected: Landmarks, atol: float) -> bool:
    return found.names == expected.names and np.allclose(found.points_mm, expected.points_mm, atol=atol)


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS)
@pytest.mark.parametrize("form", FORMATS)
def test_landmarks_keep_their_place_in_all_48_orientations_of_the_scan(form, axcodes, tmp_path, oblique_grid):
    name, write = FORMATS[form]
    landmarks = Landmarks(NAMES, oblique_grid.to_mm(INDICES))
    stored = oblique_grid.reoriented(axcodes)
    write(landmarks, tmp_path / name, stored)
    assert same(read_landmarks(tmp_path / name, stored), landmarks, 0.02)


@pytest.mark.parametrize("form", FORMATS)
def test_landmarks_keep_their_place_on_a_sheared_grid(form, tmp_path, sheared_grid):
    name, write = FORMATS[form]
    landmarks = Landmarks(NAMES, sheared_grid.to_mm(INDICES))
    write(landmarks, tmp_path / name, sheared_grid)
    assert same(read_landmarks(tmp_path / name, sheared_grid), landmarks, 0.02)


@pytest.mark.parametrize("direction", ALL_ORIENTATIONS)
def test_verse_indices_count_along_the_axes_that_the_file_names(direction, tmp_path, oblique_grid):
    """A file made for the scan as stored otherwise means the same places."""
    landmarks = Landmarks(NAMES, oblique_grid.to_mm(INDICES))
    write_verse_json(landmarks, tmp_path / "a.json", oblique_grid.reoriented(direction))
    assert same(read_landmarks(tmp_path / "a.json", oblique_grid), landmarks, 0.02)


@given(
    st.tuples(*[st.floats(0.3, 5)] * 3),
    st.tuples(*[st.floats(-3, 3)] * 3),
    st.tuples(*[st.floats(0, 9)] * 3),
    st.sampled_from(sorted(FORMATS)),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_point_of_any_grid_survives_writing_and_reading(tmp_path, spacing, turns, index, form):
    affine = np.eye(4)
    affine[:3, :3] = rotation(*turns) * spacing
    affine[:3, 3] = (-200, 40, 900)
    grid = Grid((10, 10, 10), affine)
    landmarks = Landmarks(("T4",), grid.to_mm([index]))
    name, write = FORMATS[form]
    write(landmarks, tmp_path / name, grid)
    assert same(read_landmarks(tmp_path / name, grid), landmarks, 0.01 * max(spacing))


def test_scores_and_unnamed_points_survive_where_the_format_holds_them(tmp_path, oblique_grid):
    landmarks = Landmarks(("L1", "", ""), oblique_grid.to_mm(INDICES[:3]), [0.5, 0.25, 1.0])
    for form in ("CSV", "JSON", "Slicer"):
        name, write = FORMATS[form]
        write(landmarks, tmp_path / name, oblique_grid)
        again = read_landmarks(tmp_path / name, oblique_grid)
        assert same(again, landmarks, 1e-3)
        assert form == "Slicer" or again.scores.tolist() == [0.5, 0.25, 1.0]


def test_levels_without_a_verse_id_are_left_out_of_verse_files(tmp_path, oblique_grid):
    write_verse_json(Landmarks(("S1", "S2", ""), oblique_grid.to_mm(INDICES[:3])), tmp_path / "a.json", oblique_grid)
    assert [entry.get("label") for entry in json.loads((tmp_path / "a.json").read_text())] == [None, 26]


UPRIGHT = Grid.from_spacing((50, 60, 70), (1, 2, 3), (-10, -20, -30), "RAS")
READ = {
    "a.lml": (
        "Landmarks\n 20 L1_center 10.0 20 30.5\n\n8\tT1_center\t1\t2\t3\n",
        [("L1", 0, 0, 0.5), ("T1", -9, -18, -27)],
    ),
    "bare.lml": ("20 L1_center 10.0 20 30.5\n8\tT1_center\t1\t2\t3\n", [("L1", 0, 0, 0.5), ("T1", -9, -18, -27)]),
    "b.csv": ("name,x,y,z\nL1_center,1,2,3\nTh12,4,5,6\n", [("L1", 1, 2, 3), ("T12", 4, 5, 6)]),
    "c.csv": (
        "\ufeffid;Z;label;X;Y\n1;3;20;1;2\n2;6;28;4;5\n3;1;L3;1;1\n",
        [("L1", 1, 2, 3), ("T13", 4, 5, 6), ("L3", 1, 1, 1)],
    ),
    "d.json": (
        '[{"direction":["R","A","S"]},{"label":20,"X":1,"Y":2,"Z":3},{"label":21,"X":NaN,"Y":NaN,"Z":NaN},'
        '{"label":27,"X":1,"Y":1,"Z":1}]',
        [("L1", -9, -16, -21)],
    ),
    "e.json": ('[{"direction":["L","P","I"]},{"label":28,"X":49,"Y":59,"Z":69}]', [("T13", -10, -20, -30)]),
    "f.json": ('[{"name":"vertebrae_L1","x":1,"y":2,"z":3}]', [("L1", 1, 2, 3)]),
    "g.mrk.json": (
        '{"markups":[{"type":"Fiducial","coordinateSystem":"LPS","controlPoints":['
        '{"label":"L1","position":[1,2,3],"orientation":[1,0,0,0,1,0,0,0,1]},'
        '{"label":"L2","position":[0,0,0],"positionStatus":"undefined"}]}]}',
        [("L1", -1, -2, 3)],
    ),
    "h.mrk.json": (
        '{"markups":[{"coordinateSystem":"RAS","coordinateUnits":"mm","controlPoints":[{"label":"L1","position":[1,2,3]}]}]}',
        [("L1", 1, 2, 3)],
    ),
    "i.json": (
        '[{"coordinates":{"world_space":[1,2,3]},"type":{"spine_level":"L2","keypoint_type":"body"}},'
        '{"coordinates":{"world_space":[9,9,9]},"type":{"keypoint_type":"left"}},'
        '{"coordinates":{"world_space":[4,5,6]},"type":{"spine_segment":"L","keypoint_type":"body"}}]',
        [("L2", -1, -2, 3), ("", -4, -5, 6)],
    ),
}


@pytest.mark.parametrize("name", READ)
def test_points_as_other_programs_write_them(name, tmp_path):
    text, expected = READ[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_landmarks(tmp_path / name, UPRIGHT)
    assert found.names == tuple(level for level, *_ in expected)
    np.testing.assert_allclose(found.points_mm, [point for _, *point in expected])


def test_a_centroid_just_outside_the_border_is_kept(tmp_path):
    """The centroid of a vertebra that is truncated by the end of the scan."""
    (tmp_path / "a.csv").write_text("name,x,y,z\nL1,0,0,-39\n")
    assert len(read_landmarks(tmp_path / "a.csv", UPRIGHT)) == 1


@pytest.mark.real
def test_real_centroids_lie_in_their_own_masks(real: Path):
    for image, centroids in (
        ("verse014/sub-verse014_seg-vert_msk.nii.gz", "verse014/sub-verse014_seg-vb_ctd.json"),
        ("verse_masks/sub-verse010_seg-vert_msk.nii.gz", "verse_masks/sub-verse010_seg-subreg_ctd.json"),
        ("verse_masks/sub-gl003_dir-ax_seg-vert_msk.nii.gz", "verse_masks/sub-gl003_dir-ax_seg-subreg_ctd.json"),
    ):
        labels = read_label_map(real / image)
        landmarks = read_landmarks(real / centroids, labels.grid)
        ids = {entry["label"] for entry in json.loads((real / centroids).read_text()) if "label" in entry}
        assert len(landmarks) == len(ids)
        for (name, point), label in zip(landmarks, sorted(ids), strict=True):
            index = np.rint(labels.grid.to_index(point)).astype(int)
            around = labels.voxels[tuple(slice(max(i - 1, 0), i + 2) for i in index)]
            assert label in around or name == "C1", (name, label)  # the mean of C1 lies inside its ring


@pytest.mark.real
def test_real_keypoints_are_the_named_bodies(real: Path):
    files = sorted((real / "vid" / "truth").iterdir())[:100]
    bodies = [len(read_landmarks(path, None)) for path in files]
    assert min(bodies) > 0
    scan = read_grid(real / "verse014" / "sub-verse014_ct.nii.gz")
    assert scan is not None and all(
        "" in read_landmarks(real / "vid" / "predictions" / p.name, None).names for p in files[:5]
    )


def poi(grid: Grid, form: str) -> list[object] | dict[str, object]:
    """The points of NAMES as TPTBox writes them, with other subregions and structures beside the bodies."""
    header = {"direction": list(grid.axcodes), "zoom": list(grid.spacing_mm), "shape": list(grid.shape)}
    placed = {
        "rotation": (grid.affine[:3, :3] / np.asarray(grid.spacing_mm)).tolist(),
        "origin": grid.affine[:3, 3].tolist(),
    }
    names = {"T13": "T13", "C7": "C7", "L6": "25", "S1": "S1"}
    points = INDICES
    if form.startswith("world"):
        system = form.removeprefix("world ")
        header, placed = {"format": "POI_GLOBAL", "coordinate_system": system}, {}
        points = grid.to_mm(INDICES) * ((-1, -1, 1) if system == "itk" else 1)
    elif form == "flat":
        labels = [50 * 256 + 7, 50 * 256 + 28, 25, 50 * 256 + 26]
        listed = [{"label": n, "X": x, "Y": y, "Z": z} for n, (x, y, z) in zip(labels, points.tolist(), strict=True)]
        return [header, *listed, {"label": 42 * 256 + 7, "X": 1, "Y": 1, "Z": 1}]
    else:
        header["format"] = "POI"
    vertebrae = {
        names[name]: {"42": [1, 1, 1], "50": point} for name, point in zip(NAMES, points.tolist(), strict=True)
    }
    extra = placed if form == "placed" else {}
    return [{**header, **extra, "level_one_info": "Vertebra_Instance"}, {**vertebrae, "101": {"50": [0, 0, 0]}}]


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "PIR", "SAL"])
@pytest.mark.parametrize("form", ["placed", "on the scan's grid", "world nib", "world itk", "flat"])
def test_points_of_interest_of_tptbox_keep_their_place(form, axcodes, tmp_path, oblique_grid):
    path = tmp_path / "a_poi.json"
    path.write_text(json.dumps(poi(oblique_grid.reoriented(axcodes), form)))
    points = oblique_grid.reoriented(axcodes).to_mm(INDICES)
    found = read_landmarks(path, oblique_grid)
    assert sorted(found.names) == sorted(NAMES)
    np.testing.assert_allclose([found.point(name) for name in NAMES], points, atol=1e-3)


BROKEN_POI = {
    "of another grid": ({"zoom": [3, 3, 3]}, "another grid than the scan's"),
    "without a direction": ({"direction": "up"}, "must name one direction"),
    "with words for an origin": ({"rotation": np.eye(3).tolist(), "origin": ["x"]}, "origin must be three numbers"),
}


@pytest.mark.parametrize("what", BROKEN_POI)
def test_points_of_interest_that_cannot_be_placed_are_refused(what, tmp_path, oblique_grid):
    change, words = BROKEN_POI[what]
    header, points = poi(oblique_grid, "on the scan's grid")
    (tmp_path / "a_poi.json").write_text(json.dumps([{**header, **change}, points]))
    with pytest.raises(BrokenFile, match=words):
        read_landmarks(tmp_path / "a_poi.json", oblique_grid)
