"""The picture of vertebrae, discs and canal: prediction beside truth, in any storage, also of what is empty."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from tests.made_spines import spine
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.reporting.structure_picture import coloured, structure_picture
from utility_functions.reporting.views import View


def image_of(labels: LabelMap) -> Volume:
    return Volume(np.where(labels.voxels > 0, 300, 100).astype(np.int16), labels.grid)


@pytest.mark.parametrize("axcodes", ["RAS", "PIR"])
def test_truth_adds_a_panel(tmp_path: Path, axcodes: str) -> None:
    labels = spine(3, axcodes)
    widths = []
    for name, true in (("two", None), ("three", labels)):
        structure_picture(image_of(labels), labels, true, tmp_path / f"{name}.png", "scan")
        widths.append(matplotlib.image.imread(tmp_path / f"{name}.png").shape[1])
    assert widths[1] == pytest.approx(1.5 * widths[0], abs=3)


def test_empty_maps_give_a_picture(tmp_path: Path) -> None:
    labels = spine(3)
    empty = LabelMap(np.zeros_like(labels.voxels), labels.grid)
    structure_picture(image_of(labels), empty, empty, tmp_path / "empty.png")
    assert (tmp_path / "empty.png").is_file()


def test_neighbours_and_classes_differ_in_colour() -> None:
    numbers = np.array([[0, 1, 2, 100, 201, 202]], np.uint8)
    view = View(np.zeros((1, 6), np.float32), numbers, (6.0, 0.0, 0.0, 1.0), 1, ("A", "P", "S", "I"))
    colours = {tuple(np.round(pixel, 3)) for pixel in coloured(view, 0.0, 1.0)[0]}
    assert len(colours) == 6


def test_a_name_with_dollar_signs_is_not_typeset(tmp_path: Path) -> None:
    labels = spine(3)
    structure_picture(image_of(labels), labels, None, tmp_path / "named.png", r"a$\b$")
    assert (tmp_path / "named.png").is_file()
