"""NIfTI: which affine counts, units, scale factors and byte orders."""

from __future__ import annotations

import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from marked_scans import MARK

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.images import (
    read_grid,
    read_image,
    write_image,
)
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap


def test_nifti_is_written_in_mm_with_both_affines_and_without_a_qform_that_cannot_hold_shear(
    tmp_path, marked, oblique_grid, sheared_grid
):
    write_image(marked(oblique_grid), tmp_path / "scan.nii.gz")
    header = nib.load(tmp_path / "scan.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_qform(), oblique_grid.affine, atol=1e-3)
    write_image(marked(sheared_grid), tmp_path / "sheared.nii.gz")
    header = nib.load(tmp_path / "sheared.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 0)


def nifti(path: Path, grid: Grid, sform: int, qform: int, shift: float = 0.0, kind: type = nib.Nifti1Image) -> Path:
    """A NIfTI file with these two codes, its qform ``shift`` mm to the right of its sform."""
    image = kind(np.arange(np.prod(grid.shape), dtype=np.int16).reshape(grid.shape), None)
    moved = grid.affine.copy()
    moved[0, 3] += shift
    image.header.set_sform(grid.affine, sform)
    image.header.set_qform(moved, qform)
    image.header["sform_code"], image.header["qform_code"] = sform, qform
    nib.save(image, path)
    return path


@pytest.mark.parametrize(
    ("sform", "qform", "shift", "moved", "word"),
    [
        (1, 1, 0.0, 0.0, ""),
        (2, 0, 9.0, 0.0, ""),
        (0, 1, 9.0, 9.0, ""),
        (1, 1, 9.0, 0.0, "sform and qform place voxels up to 9 mm apart"),
        (4, 1, 9.0, 0.0, "sform and qform"),
    ],
)
def test_the_sform_with_a_code_takes_precedence_with_a_note(
    sform, qform, shift, moved, word, tmp_path, oblique_grid, caplog
):
    path = nifti(tmp_path / "scan.nii", oblique_grid, sform, qform, shift)
    with caplog.at_level(logging.WARNING):
        grid = read_grid(path)
    np.testing.assert_allclose(grid.to_mm(MARK), oblique_grid.to_mm(MARK) + np.array([moved, 0, 0]), atol=1e-3)
    assert (word in caplog.text) if word else not caplog.records


def test_a_nifti_without_orientation_gives_a_warning(tmp_path, oblique_grid, caplog):
    path = nifti(tmp_path / "scan.nii", oblique_grid, 0, 0)
    with caplog.at_level(logging.WARNING):
        grid = read_grid(path)
    assert "NO ORIENTATION IS KNOWN" in caplog.text
    np.testing.assert_allclose(grid.affine, np.diag([*oblique_grid.spacing_mm, 1]), atol=1e-5)


@pytest.mark.parametrize(("unit", "scale"), [("mm", 1.0), ("meter", 1000.0), ("micron", 0.001), ("unknown", 1.0)])
def test_a_nifti_in_other_units_is_read_in_mm(unit, scale, tmp_path, oblique_grid):
    path = nifti(tmp_path / "scan.nii", oblique_grid, 1, 1)
    image = nib.load(path)
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "other.nii")
    np.testing.assert_allclose(
        read_grid(tmp_path / "other.nii").spacing_mm, np.multiply(oblique_grid.spacing_mm, scale)
    )


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "kind"),
    [
        (np.uint16, 1, -1024, np.int16),
        (np.int16, 2, 0, np.int16),
        (np.uint8, 1, 0, np.int16),
        (np.int32, 1, 0, np.int16),
        (np.int16, 0.5, 0, np.float32),
        (np.int16, 4000, 0, np.float32),
        (np.float64, 1, 0, np.float32),
        (np.float32, 2, 1, np.float32),
        (np.int16, np.nan, 0, np.int16),
        (np.int16, 0, 5, np.int16),
    ],
)
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("image_type", [nib.Nifti1Image, nib.Nifti2Image])
def test_scale_factors_are_applied_and_whole_numbers_stay_whole(
    stored, slope, intercept, kind, byte_order, image_type, tmp_path, oblique_grid
):
    values = np.random.default_rng(1).integers(0, 100, oblique_grid.shape).astype(stored)
    header = image_type.header_class(endianness=byte_order)
    header.set_data_dtype(stored)
    header.set_data_shape(values.shape)
    header.set_sform(oblique_grid.affine, 1)
    header["scl_slope"], header["scl_inter"], header["vox_offset"] = slope, intercept, 544
    header["magic"] = b"n+1" if image_type is nib.Nifti1Image else header["magic"]
    content = header.binaryblock.ljust(544, b"\0")
    path = tmp_path / "scan.nii"
    path.write_bytes(content + values.astype(values.dtype.newbyteorder(byte_order)).tobytes(order="F"))
    again = read_image(path)
    expected = values.astype(float) * slope + intercept if slope > 0 else values
    assert again.voxels.dtype == kind
    np.testing.assert_allclose(again.voxels, expected, rtol=1e-6)


@pytest.mark.real
def test_the_real_scan_and_its_masks_lie_on_one_grid_though_stored_by_qform_and_sform(real: Path):
    grid = read_grid(real / "verse014" / "sub-verse014_ct.nii.gz")
    assert grid.axcodes == "PIR" and not grid.is_upright
    assert grid.same_as(read_grid(real / "verse014" / "sub-verse014_seg-vert_msk.nii.gz"))


def test_a_handedness_of_0_is_taken_for_1_as_the_format_has_it(tmp_path, oblique_grid):
    path = nifti(tmp_path / "scan.nii", oblique_grid, 0, 1)
    content = bytearray(path.read_bytes())
    assert np.frombuffer(content, np.float32, 1, 76)[0] == 1.0
    content[76:80] = np.float32(0).tobytes()
    path.write_bytes(content)
    np.testing.assert_allclose(read_grid(path).to_mm(MARK), oblique_grid.to_mm(MARK), atol=1e-3)


@pytest.mark.parametrize("sform", [0, 1])
def test_a_qform_that_cannot_be_read_matters_only_without_an_sform(sform, tmp_path, oblique_grid, caplog):
    path = nifti(tmp_path / "scan.nii", oblique_grid, sform, 1)
    content = bytearray(path.read_bytes())
    content[256:268] = np.full(3, 5, np.float32).tobytes()  # not the quaternion of a rotation
    path.write_bytes(content)
    if sform:
        np.testing.assert_allclose(read_grid(path).to_mm(MARK), oblique_grid.to_mm(MARK), atol=1e-3)
        assert "the sform is used" in caplog.text
    else:
        with pytest.raises(BrokenFile, match="its orientation cannot be read"):
            read_grid(path)


def sheared_by(grid: Grid, shear: float) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 1] += shear * affine[:3, 0]
    return Grid((60, 50, 40), affine)


@pytest.mark.parametrize(("shear", "straight"), [(0.0, True), (2e-4, True), (1e-3, True), (0.05, False)])
def test_what_is_written_opens_in_itk_unless_the_scan_is_truly_sheared(shear, straight, tmp_path, oblique_grid, caplog):
    grid, path = sheared_by(oblique_grid, shear), tmp_path / "labels.nii.gz"
    write_image(LabelMap(np.ones(grid.shape, np.uint8), grid), path)
    header = nib.load(path).header
    assert int(header["qform_code"]) == straight
    assert grid.same_as(read_grid(path), 0.25 if straight else 1e-3)
    if straight:
        np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=1e-3)
        affine = swap_lps_ras(Grid(grid.shape, header.get_sform()).affine)
        np.testing.assert_allclose(sitk.ReadImage(str(path)).GetOrigin(), affine[:3, 3], atol=1e-3)
        assert not caplog.records
    else:
        assert "results are written on the sheared axes" in caplog.text


def test_a_sheared_scan_is_reported_with_its_replacement(tmp_path, oblique_grid, caplog):
    read_grid(nifti(tmp_path / "scan.nii", sheared_by(oblique_grid, 1e-3), 1, 0))
    assert "its axes are sheared by up to" in caplog.text and "nearest axes at right angles" in caplog.text


UNSOUND = {"zeros": 0.0, "not a number": np.nan, "in metres": 1000.0}


@pytest.mark.parametrize("factor", UNSOUND.values(), ids=UNSOUND)
def test_of_two_transforms_the_valid_one_is_read_with_a_note(factor, tmp_path, oblique_grid, caplog):
    path = nifti(tmp_path / "scan.nii", oblique_grid, 1, 1)
    content = bytearray(path.read_bytes())
    rows = np.frombuffer(content, np.float32, 12, 280) * np.float32(factor)
    content[280:328] = rows.tobytes()
    path.write_bytes(content)
    np.testing.assert_allclose(read_grid(path).to_mm(MARK), oblique_grid.to_mm(MARK), atol=1e-3)
    assert "its sform cannot be right" in caplog.text and "the qform is used" in caplog.text
