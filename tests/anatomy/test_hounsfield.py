"""Intensities that are no Hounsfield units are told; the scanner's offset is taken away where it is beyond doubt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from utility_functions.anatomy.hounsfield import doubt_of_hu, offset_of
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case, load_scan
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume


def body(air: bool = True) -> np.ndarray:
    """HU of muscle in fat in air, with bone and lung."""
    rng = np.random.default_rng(0)
    hu = np.full((40, 40, 40), -1000.0 if air else -100.0)
    hu[6:-6, 6:-6] = -100
    hu[9:-9, 9:-9] = 50
    hu[12:16, 12:28] = -850
    hu[18:22, 18:22] = 400
    return (hu + rng.normal(0, 12, hu.shape)).astype(np.int16)


FORMS = {
    "as it is": (lambda hu: hu, 0, ""),
    "with the offset": (lambda hu: (hu + 1024).clip(0).astype(np.uint16), 1024, "negative"),
    "with the offset, as floats": (lambda hu: (hu + 1024.0).clip(0), 1024, "negative"),
    "windowed to 0..1": (lambda hu: (np.clip(hu, -160, 240) + 160) / 400, 0, "lie farther apart"),
    "windowed to 0..255": (
        lambda hu: ((np.clip(hu, -1000, 1000) + 1000) / 2000 * 255).astype(np.uint8),
        0,
        "no Hounsfield units",
    ),
    "as MR": (lambda hu: np.abs(hu + 1000) ** 1.1, 0, "no Hounsfield units"),
    "zscored": (lambda hu: (hu - hu.mean()) / hu.std(), 0, "lie farther apart"),
}


@pytest.mark.parametrize("form", FORMS)
def test_only_an_offset_beyond_doubt_is_taken_and_others_are_told(form):
    change, offset, doubt = FORMS[form]
    voxels = change(body())
    assert offset_of(voxels) == offset
    assert (doubt in doubt_of_hu(voxels)) if doubt else doubt_of_hu(voxels) == ""


def test_without_air_no_offset_is_beyond_doubt():
    assert offset_of((body(air=False) + 1024).astype(np.uint16)) == 0


def test_a_scan_is_read_without_its_offset_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    grid = Grid.from_spacing((40, 40, 40), 4.0)
    write_image(Volume((body() + 1024).clip(0).astype(np.uint16), grid), tmp_path / "scan.nii.gz")
    case = find_cases(tmp_path / "scan.nii.gz")[0]
    scan = load_scan(case)
    assert scan.volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(scan.volume.voxels, body().clip(-1024))
    assert ["1024 is taken away" in note for note in scan.notes] == [True] and "scan: " in caplog.text
    stored = load_scan(Case("scan", case.image_path, modality="MR"))
    assert stored.volume.voxels.min() >= 0 and not stored.notes


@pytest.mark.parametrize(
    ("spacing", "words"),
    [(2880.0, "more than any body"), (0.00288, "less than any field of view"), (31.0, "more than")],
)
def test_a_size_that_no_body_has_is_refused(spacing, words, tmp_path: Path):
    write_image(Volume(np.zeros((9, 6, 13), np.int16), Grid.from_spacing((9, 6, 13), spacing)), tmp_path / "s.nii.gz")
    with pytest.raises(BrokenFile, match=f"measures .* mm .*{words}.* unit of length is wrong"):
        load_scan(find_cases(tmp_path / "s.nii.gz")[0])
