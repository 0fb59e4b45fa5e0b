"""DICOM series: ordered by place, rescaled, and refused when they are not a regular stack."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.images import is_image, read_grid, read_image, read_label_map
from utility_functions.files.manifest import find_cases

OBLIQUE = (0.96, 0.28, 0.0, -0.28 * 0.8, 0.96 * 0.8, -0.6)  # an orthonormal pair, turned about two axes


def stack(count: int, step: float = 2.5, normal: tuple[float, float, float] = (0, 0, 1)) -> list[np.ndarray]:
    return [np.array([-50.0, -60.0, 70.0]) + k * step * np.asarray(normal, float) for k in range(count)]


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 2000, (6, 5, 8)).astype(np.int16)  # HU; the files store HU + 1024


@pytest.mark.parametrize("suffix", [".dcm", "", ".16573"])
def test_a_series_is_read_in_the_order_of_its_places_and_rescaled(tmp_path, write_series, voxels, suffix):
    write_series(tmp_path, voxels, stack(8), suffix=suffix)
    volume = read_image(tmp_path)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert volume.grid.axcodes == "LPS"
    np.testing.assert_allclose(volume.grid.spacing_mm, (0.8, 0.9, 2.5))
    np.testing.assert_allclose(volume.grid.to_mm((0, 0, 0)), (50, 60, 70))
    assert read_grid(tmp_path).same_as(volume.grid)
    assert is_image(tmp_path) and not is_image(tmp_path.parent)


@pytest.mark.parametrize("directions", [OBLIQUE, (0, 1, 0, 0, 0, -1), (-1, 0, 0, 0, 1, 0)])
def test_every_voxel_of_a_turned_series_lies_where_its_header_says(tmp_path, write_series, voxels, directions):
    row, column = np.array(directions[:3]), np.array(directions[3:])
    positions = stack(8, 1.5, tuple(np.cross(row, column)))
    write_series(tmp_path, voxels, positions[::-1], directions)  # written from the last slice to the first
    volume = read_image(tmp_path)
    index = (4, 3, 2)
    assert volume.voxels[index] == voxels[4, 3, 5]
    lps = positions[2] + 4 * 0.8 * row + 3 * 0.9 * column
    np.testing.assert_allclose(volume.grid.to_mm(index), lps * (-1, -1, 1), atol=1e-4)


def test_a_scale_factor_with_a_fraction_gives_floats(tmp_path, write_series, voxels):
    for path in write_series(tmp_path, voxels * 10, stack(8), slope="10", intercept="0"):  # stores the voxels
        content = path.read_bytes()
        tag = b"\x28\x00\x53\x10\x02\x00\x00\x00"  # rescale slope, two characters long
        assert content.count(tag + b"10") == 1
        path.write_bytes(content.replace(tag + b"10", tag + b".5"))
    volume = read_image(tmp_path)
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels, voxels * 0.5)


def test_one_file_of_a_series_stands_for_the_whole_series(tmp_path, write_series, voxels):
    thin = write_series(tmp_path, voxels, stack(8), series="1.1", name="thin")
    write_series(tmp_path, voxels[:, :, :4], stack(4), series="1.2", name="thick", first=50)
    assert read_image(thin[3]).grid.shape == (6, 5, 8)
    with pytest.raises(BrokenFile, match=r"holds 2 series.*(8 images, such as.*4 images|4 images.*8 images)"):
        read_image(tmp_path)


def test_each_series_of_a_folder_is_a_scan_of_its_own_that_its_number_chooses(tmp_path, write_series, voxels):
    folder = tmp_path / "study"
    write_series(folder, voxels, stack(8), series="1.1")
    write_series(folder, voxels[:, :, :4], stack(4), series="1.2", first=50)
    write_series(folder, voxels, stack(1), series="1.3", first=90, type="ORIGINAL\\PRIMARY\\LOCALIZER")
    write_series(tmp_path / "other", voxels, stack(8))
    cases = find_cases(tmp_path)
    assert [case.case_id for case in cases] == ["other", "study-1", "study-2"]
    assert [read_image(case.image_path).grid.shape[2] for case in cases] == [8, 8, 4]
    [chosen] = find_cases(folder, series=2)
    assert chosen.case_id == "study-2" and chosen.image_path == cases[2].image_path
    assert [case.case_id for case in find_cases(tmp_path / "other", series=1)] == ["other"]
    with pytest.raises(ValueError, match=r"numbered from 1 to 2\. Received: --series 3"):
        find_cases(folder, series=3)


def test_localisers_and_images_without_a_position_are_left_out_with_a_note(tmp_path, write_series, voxels, caplog):
    write_series(tmp_path, voxels, stack(8))
    write_series(tmp_path, voxels, stack(1), (0, 1, 0, 0, 0, -1), first=50, type="ORIGINAL\\PRIMARY\\LOCALIZER")
    with caplog.at_level(logging.WARNING):
        assert read_image(tmp_path).grid.shape == (6, 5, 8)
    assert "1 DICOM images are localisers" in caplog.text


def tilted(count: int, degrees: float = 12.0, step: float = 2.5) -> list[np.ndarray]:
    return stack(count, step, (0, np.tan(np.radians(degrees)), 1))


CASES = {
    "three missing slices": (lambda p: p[:2] + p[5:], {}, "3 slices are missing.*10 mm apart, the others 2.5 mm"),
    "many missing slices": (lambda p: [p[0], *p[2:4], *p[5:]], {}, "2 slices are missing"),
    "a gap of 12 mm": (lambda p: [6 * one for one in stack(4, 1.0)] + [6 * stack(6, 1.0)[5]], {}, "1 slice is missing"),
    "two slices at one place": (lambda p: [*p[:7], p[0]], {}, "two slices lie at the same place"),
    "slices moved sideways": (
        lambda p: [one + np.array([3.0 * (k == 4), 0, 0]) for k, one in enumerate(p)],
        {},
        "moved sideways",
    ),
    "a lean of 60 degrees": (lambda p: tilted(8, 60), {}, "lean by 60 degrees"),
    "one slice": (lambda p: p[:1], {}, "two-dimensional"),
    "localisers only": (
        lambda p: p,
        {"type": "ORIGINAL\\PRIMARY\\LOCALIZER"},
        "all of its 8 DICOM images are localisers",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_series_is_refused_for(case, tmp_path, write_series, voxels):
    change, tags, words = CASES[case]
    write_series(tmp_path, voxels, change(stack(8)), **tags)
    with pytest.raises(BrokenFile, match=words) as refused:
        read_grid(tmp_path)
    assert str(tmp_path) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("lost", [[3], [3, 4]])
def test_missing_slices_are_filled_and_told(lost, tmp_path, write_series, caplog):
    voxels = np.random.default_rng(0).integers(-1000, 2000, (6, 5, 20)).astype(np.int16)
    places = stack(20)
    kept = [k for k in range(20) if k not in lost]
    write_series(tmp_path, voxels[:, :, kept], [places[k] for k in kept])
    with caplog.at_level(logging.WARNING):
        volume = read_image(tmp_path)
    assert f"{len(lost)} slice{'s are' if len(lost) > 1 else ' is'} missing" in caplog.text
    assert volume.grid.shape == voxels.shape and volume.grid.spacing_mm[2] == pytest.approx(2.5)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels[:, :, kept], voxels[:, :, kept])
    before, after = (voxels[:, :, k].astype(float) for k in (lost[0] - 1, lost[-1] + 1))
    for number, k in enumerate(lost, start=1):
        share = number / (len(lost) + 1)
        np.testing.assert_allclose(volume.voxels[:, :, k], before + share * (after - before), atol=0.51)


def test_unevenly_spaced_slices_are_resampled_and_told(tmp_path, write_series, caplog):
    """Values that rise with the height are where they belong."""
    heights = np.array([0.0, 2.5, 5.0, 8.1, 10.0, 12.5, 15.0, 17.5])
    voxels = np.broadcast_to(100 + 10 * heights, (6, 5, 8)).round().astype(np.int16)
    write_series(tmp_path, voxels, [np.array([-50.0, -60.0, 70.0 + height]) for height in heights])
    with caplog.at_level(logging.WARNING):
        volume = read_image(tmp_path)
    assert "unevenly spaced (1.9 to 3.1 mm)" in caplog.text
    z_mm = volume.grid.to_mm([[0, 0, k] for k in range(8)])[:, 2]
    np.testing.assert_allclose(volume.voxels[2, 2], 100 + 10 * (z_mm - 70), atol=1.01)


@pytest.mark.parametrize("degrees", [12.0, -20.0])
def test_a_tilted_gantry_is_resampled_and_told(degrees, tmp_path, write_series, caplog):
    """A line in the patient that is a slanted one in the file is upright again, at the same millimetres."""
    positions = tilted(12, degrees, 2.0)
    voxels = np.zeros((6, 40, 12), np.int16)
    for k, position in enumerate(positions):
        y_mm = position[1] + np.arange(40) * 0.9
        voxels[:, :, k] = np.maximum(0, 1000 - 200 * np.abs(y_mm - -45.0))  # a ridge at y = -45 (LPS)
    write_series(tmp_path, voxels, positions)
    with caplog.at_level(logging.WARNING):
        volume = read_image(tmp_path)
    assert f"tilted by {abs(degrees):.3g} degrees" in caplog.text
    grid = volume.grid
    assert grid.is_right_angled and read_grid(tmp_path).same_as(grid)
    np.testing.assert_allclose(grid.spacing_mm, (0.8, 0.9, 2.0), atol=1e-6)
    for k in range(12):
        line = volume.voxels[2, :, k].astype(float)
        above = line > 500
        y_mm = -np.array([grid.to_mm((2, j, k))[1] for j in range(grid.shape[1])])
        assert (line[above] @ y_mm[above]) / line[above].sum() == pytest.approx(-45.0, abs=0.3), k


def test_slices_of_two_directions_or_sizes_are_no_stack(tmp_path, write_series, voxels):
    write_series(tmp_path / "a", voxels, stack(5))
    write_series(tmp_path / "a", voxels, stack(3, 2.5), (0, 1, 0, 0, 0, -1), first=50)
    with pytest.raises(BrokenFile, match="do not lie parallel"):
        read_image(tmp_path / "a")
    write_series(tmp_path / "b", voxels, stack(7))
    (other,) = write_series(tmp_path / "b", voxels[:, :4], stack(8)[7:], first=50)
    with pytest.raises(BrokenFile, match=f"different pixel counts .*{other.name}"):
        read_image(tmp_path / "b")


@pytest.mark.parametrize("kind", ["a scout", "a key image"])
def test_a_stray_image_of_a_series_is_left_out_and_named(kind, tmp_path, write_series, voxels, caplog):
    write_series(tmp_path, voxels, stack(8))
    if kind == "a scout":
        (stray,) = write_series(tmp_path, voxels, stack(1), (0, 1, 0, 0, 0, -1), first=50)
    else:
        (stray,) = write_series(tmp_path, voxels[:, :4], stack(4)[3:], first=50)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_image(tmp_path).voxels, voxels)
    assert f"1 of its 9 images lie otherwise than the slices and are left out: {stray.name}." in caplog.text


@pytest.mark.parametrize(("dtype", "slope"), [(np.int16, "1"), (np.int16, "2"), (np.uint16, "1"), (np.uint8, "1")])
def test_values_do_not_depend_on_the_photometric_interpretation(dtype, slope, tmp_path, write_series):
    stored = np.random.default_rng(0).integers(0, 250, (6, 5, 8)).astype(dtype)
    found = []
    for name in (b"MONOCHROME2", b"MONOCHROME1"):
        for path in write_series(tmp_path / name.decode(), stored, stack(8), slope=slope):
            content = path.read_bytes()
            assert content.count(b"MONOCHROME2") == 1
            path.write_bytes(content.replace(b"MONOCHROME2", name))
        found.append(read_image(tmp_path / name.decode()).voxels)
    assert found[0].dtype == found[1].dtype == np.int16
    np.testing.assert_array_equal(found[1], found[0])


@pytest.mark.parametrize("kept", ["the meta header", "the data set alone"])
def test_a_file_without_preamble_is_read(kept, tmp_path, write_series, voxels):
    for path in write_series(tmp_path, voxels, stack(8), suffix=""):
        content = path.read_bytes()
        path.write_bytes(content[132:] if kept == "the meta header" else content[content.index(b"\x08\x00\x08\x00") :])
    assert is_image(tmp_path)
    np.testing.assert_array_equal(read_image(tmp_path).voxels, voxels)


def test_a_truncated_slice_is_named(tmp_path, write_series, voxels):
    paths = write_series(tmp_path, voxels, stack(8))
    content = paths[2].read_bytes()
    paths[2].write_bytes(content[: len(content) // 2])
    with pytest.raises(BrokenFile, match=paths[2].name):
        read_image(tmp_path)


@pytest.mark.real
def test_the_real_series_lies_on_the_grid_of_its_labels(real: Path):
    volume = read_image(real / "totalseg_dicom" / "series")
    labels = read_label_map(real / "totalseg_dicom" / "labels.nii.gz")
    assert volume.grid.shape == (512, 512, 20) and volume.voxels.dtype == np.int16
    assert labels.grid.reoriented(volume.grid.axcodes).same_as(volume.grid)
    bone = volume.voxels[labels.reoriented(volume.grid.axcodes).voxels == 32]  # T12
    assert bone.mean() > 100 > volume.voxels.mean()


def of_class(path: Path, storage: str) -> bytes:
    """The file's bytes with another class of storage in its head."""
    content = path.read_bytes()
    place = content.index(b"\x02\x00\x02\x00UI")
    length = int.from_bytes(content[place + 6 : place + 8], "little")
    value = storage.encode() + b"\0" * (len(storage) % 2)
    return content[: place + 6] + len(value).to_bytes(2, "little") + value + content[place + 8 + length :]


@pytest.mark.parametrize("kind", ["481.3", "88.11", "11.1"])
def test_files_without_an_image_are_left_out_with_a_note(kind, tmp_path, write_series, voxels, caplog):
    (path, *_) = write_series(tmp_path, voxels, stack(8))
    (tmp_path / "zz.dcm").write_bytes(of_class(path, f"1.2.840.10008.5.1.4.1.1.{kind}")[:600])
    with caplog.at_level(logging.WARNING):
        assert read_image(tmp_path).grid.shape == (6, 5, 8)
    assert "1 DICOM files are no slices of a scan" in caplog.text
    path.write_bytes(path.read_bytes()[:600])  # a truncated slice is none of those
    with pytest.raises(BrokenFile, match=path.name):
        read_image(tmp_path)


def test_a_picture_in_colours_beside_a_series_is_left_out_and_alone_is_refused(tmp_path, write_series, voxels, caplog):
    write_series(tmp_path, voxels, stack(8))
    image = sitk.GetImageFromArray(np.zeros((1, 4, 4, 3), np.uint8), isVector=True)
    for folder in (tmp_path, tmp_path / "alone"):
        folder.mkdir(exist_ok=True)
        sitk.WriteImage(image, str(folder / "picture.dcm"))
    assert read_image(tmp_path).grid.shape == (6, 5, 8)
    assert "are left out" in caplog.text
    with pytest.raises(BrokenFile, match="is a colour image"):
        read_image(tmp_path / "alone")


def test_a_folder_of_reports_holds_no_image(tmp_path, write_series, voxels):
    (path, *_) = write_series(tmp_path / "scan", voxels, stack(8))
    (tmp_path / "report.dcm").write_bytes(of_class(path, "1.2.840.10008.5.1.4.1.1.88.11")[:600])
    with pytest.raises(BrokenFile, match="is a folder without DICOM images"):
        read_image(tmp_path)
