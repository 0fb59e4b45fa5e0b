"""Every kind of image that the facade takes gives the same scan at the same position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from spine_levels.image_input import scan_of
from utility_functions.files.images import read_image, write_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

SHAPE = (5, 6, 7)


def oblique() -> Volume:
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = turn * (0.8, 1.1, 3.0)
    affine[:3, 3] = (-12.5, 40.0, 7.25)
    return Volume(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE) - 100, Grid(SHAPE, affine))


VOLUME = oblique()


def written(folder: Path, suffix: str = ".nii.gz") -> Path:
    write_image(VOLUME, folder / f"a_scan{suffix}")
    return folder / f"a_scan{suffix}"


def as_path(folder: Path) -> tuple[Any, Any]:
    return str(written(folder)), None


def as_nibabel_file(folder: Path) -> tuple[Any, Any]:
    return nib.load(written(folder)), None


def as_nibabel_array(_: Path) -> tuple[Any, Any]:
    return nib.Nifti1Image(VOLUME.voxels, VOLUME.grid.affine), None


def as_nibabel_mgh(_: Path) -> tuple[Any, Any]:
    return nib.MGHImage(VOLUME.voxels.astype(np.float32), VOLUME.grid.affine), None


def as_simpleitk(folder: Path) -> tuple[Any, Any]:
    return sitk.ReadImage(str(written(folder, ".mha"))), None


def as_array(_: Path) -> tuple[Any, Any]:
    return VOLUME.voxels.astype(float), VOLUME.grid.affine.tolist()


@pytest.mark.parametrize(
    "given",
    [as_path, as_nibabel_file, as_nibabel_array, as_nibabel_mgh, as_simpleitk, as_array],
    ids=lambda f: f.__name__,
)
def test_every_kind_of_image_gives_the_same_scan(given: Any, tmp_path: Path) -> None:
    image, affine = given(tmp_path)
    found = scan_of(image, affine)
    np.testing.assert_allclose(found.volume.grid.affine, VOLUME.grid.affine, atol=1e-4)
    np.testing.assert_array_equal(found.volume.voxels, VOLUME.voxels)
    assert found.case.case_id == ("a_scan" if given in (as_path, as_nibabel_file) else "scan")
    assert scan_of(image, affine, "patient_7").case.case_id == "patient_7"


def test_what_nibabel_holds_is_read_as_its_file_is(tmp_path: Path) -> None:
    """Scale factors, a unit of micrometres, and a header without orientation."""
    image = nib.Nifti1Image(VOLUME.voxels, np.diag((800.0, 900.0, 3000.0, 1.0)))
    image.header.set_xyzt_units("micron")
    image.header.set_slope_inter(2.0, -1000.0)
    nib.save(image, tmp_path / "scaled.nii")
    unknown = nib.Nifti1Image(VOLUME.voxels, None)
    unknown.header.set_zooms((0.8, 0.9, 3.0))
    nib.save(unknown, tmp_path / "unknown.nii")
    for name in ("scaled.nii", "unknown.nii"):
        expected = read_image(tmp_path / name)
        found = scan_of(nib.load(tmp_path / name)).volume
        assert found.grid.same_as(expected.grid)
        np.testing.assert_array_equal(found.voxels, expected.voxels)
        assert found.voxels.dtype == expected.voxels.dtype
        np.testing.assert_allclose(found.grid.spacing_mm, (0.8, 0.9, 3.0), rtol=1e-5)


def test_a_fourth_axis_of_one_is_left_out() -> None:
    assert scan_of(VOLUME.voxels[..., None], VOLUME.grid.affine).volume.grid.shape == SHAPE


@pytest.mark.parametrize(
    ("image", "more", "words"),
    [
        (VOLUME.voxels, {}, "needs affine="),
        (VOLUME.voxels, {"affine": np.zeros((4, 4))}, "affine"),
        (VOLUME.voxels[0], {"affine": np.eye(4)}, "two-dimensional"),
        (VOLUME.voxels.astype(complex), {"affine": np.eye(4)}, "array of numbers"),
        (np.full(SHAPE, np.nan), {"affine": np.eye(4)}, "NaN"),
        (None, {}, "Received: NoneType"),
        ("nowhere.nii.gz", {}, "no such file"),
        ("nowhere.nii.gz", {"affine": np.eye(4)}, "belongs to an array"),
        (nib.Nifti1Image(VOLUME.voxels, np.eye(4)), {"affine": np.eye(4)}, "belongs to an array"),
        (sitk.Image(4, 4, 4, sitk.sitkVectorUInt8), {}, "one number"),
        (sitk.Image(4, 4, sitk.sitkInt16), {}, "two-dimensional"),
        (VOLUME.voxels, {"affine": np.eye(4), "name": "../a"}, "plain file name"),
    ],
)
def test_what_is_no_scan_is_refused_in_one_sentence(image: Any, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        scan_of(image, **more)


def test_a_folder_of_several_scans_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_image(VOLUME, tmp_path / f"{name}.nii.gz")
    with pytest.raises(ValueError, match="One scan is segmented at a time"):
        scan_of(tmp_path)
