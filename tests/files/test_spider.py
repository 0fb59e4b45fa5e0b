"""A synthetic SPIDER folder with every defect: each is reported with its reason, and valid series are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.generate.generation import cases_of_one_split, generate
from learning_functions.samples.store.sample_store import open_store
from tests.made_spines import SPACING_MM, spine_voxels
from tests.tiny import tiny_settings
from utility_functions.files import spider_folder as spider
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases, split_by_patient
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

CONTRASTS = {"t1": (300, 150, 100), "t2": (200, 150, 500)}
"""Brightness of vertebra, disc and canal."""


def image_of(mask: NDArray[np.uint8], contrast: str) -> NDArray[np.int16]:
    bone, disc, canal = CONTRASTS[contrast]
    values = np.random.default_rng(1).integers(20, 60, mask.shape)
    values[(mask > 0) & (mask != 100) & (mask < 200)] += bone
    values[mask == 100] += canal
    values[mask > 200] += disc
    return values.astype(np.int16)


def write(
    folder: Path,
    name: str,
    mask: NDArray[np.uint8],
    contrast: str = "t2",
    mask_spacing: tuple[float, float, float] = SPACING_MM,
    with_mask: bool = True,
    with_image: bool = True,
    flat: bool = False,
) -> None:
    values = image_of(mask, contrast)
    values = np.full_like(values, 3) if flat else values
    for sub, kind, voxels, spacing, wanted in (
        ("images", Volume, values, SPACING_MM, with_image),
        ("masks", LabelMap, mask, mask_spacing, with_mask),
    ):
        (folder / sub).mkdir(parents=True, exist_ok=True)
        if wanted:
            write_image(kind(voxels, Grid.from_spacing(voxels.shape, spacing)), folder / sub / f"{name}.mha")


def without(*numbers: int) -> NDArray[np.uint8]:
    mask = spine_voxels(4)
    mask[np.isin(mask, numbers)] = 0
    return mask


def renumbered(**changes: int) -> NDArray[np.uint8]:
    mask = spine_voxels(4)
    table = np.arange(256).astype(np.uint8)
    for number, new in changes.items():
        table[int(number[1:])] = new
    return table[mask]


DEFECTS = {
    "10_t2": "it has no mask",
    "11_t2": "its mask lies on another grid",
    "12_t2": "SPIDER's masks hold",
    "13_t2": "its mask has no vertebra",
    "14_t2": "its mask has no canal",
    "15_t2": "vertebra 2 is missing between others",
    "16_t2": "its vertebrae are not counted from the bottom",
    "17_t2": "the canal is dark as in T1",
    "18_t1": "the canal is bright as in T2",
    "19_t2": "all its voxels are alike",
    "20_t2": "20_t2.mha",
    "21_t2": "it has 3 slices",
    "22_t2": "vertebra 3 is there both whole and truncated",
    "masks/23_t2": "it has no image",
}
SOUND = ("1_t1", "1_t2", "1_t2_SPACE", "2_t1", "3_t2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("spider")
    for name in SOUND:
        write(place, name, renumbered(n4=104) if name == "3_t2" else spine_voxels(4), name.split("_")[1])
    write(place, "10_t2", spine_voxels(4), with_mask=False)
    write(place, "11_t2", spine_voxels(4), mask_spacing=(3.0, 2.0, 2.2))
    write(place, "12_t2", renumbered(n2=77))
    write(place, "13_t2", without(1, 2, 3, 4))
    write(place, "14_t2", without(100))
    write(place, "15_t2", without(2))
    write(place, "16_t2", renumbered(n1=4, n2=3, n3=2, n4=1))
    write(place, "17_t2", spine_voxels(4), "t1")
    write(place, "18_t1", spine_voxels(4), "t2")
    write(place, "19_t2", spine_voxels(4), flat=True)
    write(place, "20_t2", spine_voxels(4))
    (place / "images" / "20_t2.mha").write_bytes((place / "images" / "20_t2.mha").read_bytes()[:700])
    write(place, "21_t2", np.ascontiguousarray(spine_voxels(4)[5:8]))
    twice = spine_voxels(4)
    twice[3:5][twice[3:5] == 3] = 103
    write(place, "22_t2", twice)
    write(place, "23_t2", spine_voxels(4), with_image=False)
    return place


def test_every_defect_is_reported_with_its_reason_and_valid_series_are_not(folder: Path) -> None:
    found = spider.check_folder(folder)
    assert set(found) == {*SOUND, *DEFECTS}
    assert [name for name in SOUND if found[name]] == []
    for name, reason in DEFECTS.items():
        assert reason in "; ".join(found[name]), name


def test_the_command_lists_them_and_ends_with_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert spider.main([str(folder)]) == 2
    output = capsys.readouterr().out.splitlines()
    assert (
        len(output) == len(DEFECTS) + 1
        and output[-1] == f"{len(SOUND)} of {len(SOUND) + len(DEFECTS)} series are sound."
    )


def test_a_folder_without_scans_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert spider.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_series_of_a_patient_stay_in_one_split(folder: Path) -> None:
    cases = find_cases(folder)
    assert {case.modality for case in cases} == {"MR"}
    assert {case.case_id for case in cases if case.patient == "1"} == {"1_t1", "1_t2", "1_t2_SPACE"}
    for seed in range(5):
        kept, held_out = split_by_patient(cases, 0.3, seed)
        assert not {case.patient for case in kept} & {case.patient for case in held_out}


def test_samples_come_from_valid_series_alone(folder: Path, tmp_path: Path) -> None:
    made = generate(
        "multiclass_mr", cases_of_one_split(folder, None), tmp_path / "s.h5", tiny_settings("multiclass_mr"), workers=1
    )
    assert made.scans == len(SOUND)
    assert set(made.problems) == {name for name in DEFECTS if not name.startswith("masks/")}
    assert "counted from the bottom" in made.problems["16_t2"]
    assert set(open_store(tmp_path / "s.h5").case_ids) == set(SOUND)
