"""What a view holds of a scan: the surroundings of the spine, in place, and no larger than a page may be."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest

from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.reporting.niivue_script import as_classic_script, module_in
from utility_functions.reporting.view_volumes import COARSEST_MM, region_mm, view_volumes

GRID = Grid.from_spacing((60, 50, 70), (1.5, 2.0, 1.0), (40.0, 30.0, -500.0), "LPS")


def a_volume(low: float = -1000.0, high: float = 1000.0) -> Volume:
    """Intensities that grow from the patient's left below to the right above, with noise."""
    random = np.random.default_rng(1)
    ramp = np.linspace(low, high, GRID.shape[0])[:, None, None] + random.normal(0, 20, GRID.shape)
    return Volume(ramp.astype(np.int16), GRID)


def read(file: bytes) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_bytes(gzip.decompress(file))


@pytest.mark.parametrize(("low", "high", "step"), [(-1000, 1000, 2.0), (0, 900, 1.0)], ids=["CT", "MR"])
def test_intensities_and_places_are_those_of_the_scan(low: float, high: float, step: float) -> None:
    volume = a_volume(low, high)
    image = read(view_volumes(volume, None, None).image)
    expected = resample(volume, Grid(image.shape, image.affine), fill=low).voxels
    off = np.abs(np.asarray(image.dataobj) - np.maximum(expected, -1024))
    assert np.quantile(off, 0.999) <= step  # the brightest voxels of MR are clipped
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")


def test_the_view_is_cropped_to_labels_and_landmarks() -> None:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[30, 25, 40:44] = 22
    point = GRID.to_mm((30, 25, 30))
    found = view_volumes(a_volume(), LabelMap(labels, GRID), Landmarks(("L4",), [point]))
    low, high = region_mm(GRID, LabelMap(labels, GRID), Landmarks(("L4",), [point]))
    whole = GRID.corners_mm()
    assert (low >= whole.min(axis=0)).all() and (high <= whole.max(axis=0)).all()
    assert np.allclose((high - low)[2], 25 + 13.5 + 25) and found.grid.contains(point)
    shown = read(found.labels)
    assert shown.shape == read(found.image).shape
    assert np.unique(np.asarray(shown.dataobj)).tolist() == [0, 22]


def test_a_page_that_would_be_too_large_is_coarser() -> None:
    fine = view_volumes(a_volume(), None, None)
    assert np.allclose(fine.grid.spacing_mm, (1.5, 2.0, 1.0))
    coarse = view_volumes(a_volume(), None, None, most_bytes=len(fine.image) // 2)
    assert len(coarse.image) <= len(fine.image) // 2 and max(coarse.grid.spacing_mm) <= 2.0
    assert view_volumes(a_volume(), None, None, most_bytes=1).grid.spacing_mm == (COARSEST_MM,) * 3


def test_the_module_of_niivue_is_found_and_becomes_a_script() -> None:
    module = "var a=1,b=2;export{a as Niivue,b};" + " " * 500_000
    encoded = module.replace(" ", "%20").replace("=", "%3D").replace("{", "%7B").replace("}", "%7D")
    assert module_in(f'x="short";y="{encoded}";z="{"A" * 600_000}"') == module
    assert as_classic_script(module) == "var niivue = (() => { var a=1,b=2;\nreturn { Niivue: a, b: b }; })();\n"
    assert module_in('x="nothing"') is None
    with pytest.raises(ValueError, match="ends in what it exports"):
        as_classic_script("var a = 1;")
