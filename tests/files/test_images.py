"""Images: the same voxel at the same place in the world through every format and orientation."""

from __future__ import annotations

import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marked_scans import MARK, rotation

from utility_functions.files.images import (
    IMAGE_SUFFIXES,
    is_image,
    read_grid,
    read_image,
    read_label_map,
    stem_of,
    write_image,
)
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.volume import LabelMap, Volume


def where_marked(volume: Volume) -> np.ndarray:
    """World position of the highest voxel."""
    return volume.grid.to_mm(np.unravel_index(volume.voxels.argmax(), volume.voxels.shape))


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
@pytest.mark.parametrize("shape_of_grid", ["oblique", "sheared"])
def test_a_marked_voxel_comes_back_at_its_place_through_every_format(
    suffix, shape_of_grid, tmp_path, marked, oblique_grid, sheared_grid
):
    grid = oblique_grid if shape_of_grid == "oblique" else sheared_grid
    volume, path = marked(grid), tmp_path / f"scan{suffix}"
    write_image(volume, path)
    again = read_image(path)
    assert again.voxels.dtype == np.int16
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    np.testing.assert_allclose(where_marked(again), grid.to_mm(MARK), atol=1e-3)
    assert again.grid.same_as(grid, 1e-3) and read_grid(path).same_as(grid, 1e-3)
    assert is_image(path) and stem_of(path) == "scan"


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS)
def test_in_all_48_orientations_the_array_stays_as_stored_and_the_place_as_it_was(
    axcodes, tmp_path, marked, oblique_grid
):
    volume = marked(oblique_grid).reoriented(axcodes)
    for suffix in (".nii", ".mha", ".nrrd"):
        write_image(volume, tmp_path / f"scan{suffix}")
        again = read_image(tmp_path / f"scan{suffix}")
        assert again.grid.axcodes == axcodes
        np.testing.assert_array_equal(again.voxels, volume.voxels)
        np.testing.assert_allclose(where_marked(again), oblique_grid.to_mm(MARK), atol=1e-3)


@given(
    st.tuples(*[st.integers(2, 5)] * 3),
    st.tuples(*[st.floats(0.2, 6)] * 3),
    st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    st.tuples(*[st.floats(-900, 900)] * 3),
    st.sampled_from(IMAGE_SUFFIXES),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_grid_survives_writing_and_reading(tmp_path, shape, spacing, turns, origin, suffix):
    affine = np.eye(4)
    affine[:3, :3] = rotation(*turns) * spacing
    affine[:3, 3] = origin
    volume = Volume(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), Grid(shape, affine))
    write_image(volume, tmp_path / f"scan{suffix}")
    again = read_image(tmp_path / f"scan{suffix}")
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    assert again.grid.same_as(volume.grid, 5e-3)


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_other_readers_place_our_files_where_we_do(suffix, tmp_path, marked, oblique_grid):
    write_image(marked(oblique_grid), tmp_path / f"scan{suffix}")
    image = sitk.ReadImage(str(tmp_path / f"scan{suffix}"))
    assert image[MARK] == 2000
    x, y, z = image.TransformIndexToPhysicalPoint(MARK)
    np.testing.assert_allclose((-x, -y, z), oblique_grid.to_mm(MARK), atol=1e-3)


def test_an_nrrd_without_a_space_gives_a_warning(tmp_path, caplog):
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 3 4\nencoding: raw\nendian: little\nspacings: 1 2 3\n\n"
    (tmp_path / "scan.nrrd").write_bytes(header.encode() + bytes(48))
    with caplog.at_level(logging.WARNING):
        assert read_image(tmp_path / "scan.nrrd").grid.spacing_mm == (1, 2, 3)
    assert "NO ORIENTATION IS KNOWN" in caplog.text


def test_an_nrrd_in_ras_lies_in_ras(tmp_path):
    header = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        "encoding: raw\nendian: little\nspace directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (5,6,7)\n\n"
    )
    (tmp_path / "scan.nrrd").write_bytes(header.encode() + bytes(48))
    np.testing.assert_allclose(read_grid(tmp_path / "scan.nrrd").to_mm((1, 1, 1)), (6, 8, 10))


@pytest.mark.parametrize(
    ("highest", "kind"),
    [(28, np.uint8), (300, np.int16), (-1, np.int16), (40000, np.uint16), (70000, np.int32), (0, np.uint8)],
)
@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_label_maps_keep_their_labels_in_the_smallest_type(highest, kind, suffix, tmp_path, oblique_grid):
    labels = np.zeros(oblique_grid.shape, np.int64)
    labels[MARK] = highest
    write_image(LabelMap(labels, oblique_grid), tmp_path / f"labels{suffix}")
    again = read_label_map(tmp_path / f"labels{suffix}")
    assert again.voxels.dtype == kind
    np.testing.assert_array_equal(again.voxels, labels)


def test_a_label_map_stored_as_floats_or_with_a_scale_is_read_as_integers(tmp_path, oblique_grid):
    labels = np.zeros(oblique_grid.shape, np.float32)
    labels[MARK] = 20.0001
    nib.save(nib.Nifti1Image(labels, oblique_grid.affine), tmp_path / "labels.nii")
    assert read_label_map(tmp_path / "labels.nii").voxels[MARK] == 20


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_fourth_axis_of_length_one_is_left_out(suffix, tmp_path):
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    path = tmp_path / f"scan{suffix}"
    if suffix == ".nii.gz":
        nib.save(nib.Nifti1Image(voxels[..., None], np.eye(4)), path)
    else:
        sitk.WriteImage(sitk.JoinSeries(sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))), str(path))
    np.testing.assert_array_equal(read_image(path).voxels, voxels)


def test_suffixes_are_known_in_capitals_and_stems_keep_their_dots(tmp_path, marked, oblique_grid):
    path = tmp_path / "patient 1.2 é.NII.GZ"
    write_image(marked(oblique_grid), path)
    assert read_image(path).grid.same_as(oblique_grid, 1e-3)
    assert stem_of(path) == "patient 1.2 é"
    names = {"CT.1.2.840.113": "CT.1.2.840.113", "a.mrk.json": "a", "b.lml": "b", "c.seg.nrrd": "c.seg", ".nii": ".nii"}
    assert {name: stem_of(Path(name)) for name in names} == names


def test_an_unknown_suffix_is_not_written(tmp_path, marked, oblique_grid):
    with pytest.raises(ValueError, match=r"Received: .*scan\.png"):
        write_image(marked(oblique_grid), tmp_path / "scan.png")
