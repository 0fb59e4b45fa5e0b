"""The table over real scans: found, named, false and outside predictions, and Dice inside the labelled range."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from experiments import phantom_views, real_scans
from experiments.real_cases import VARIABLE, real_cases, real_folder, true_centres
from experiments.real_scores import dice_in_range, labelled_range, mask_classes, score
from learning_functions.options import InferenceOptions
from learning_functions.predict.pipeline import load_models
from tests.oracle import oracle_models
from utility_functions.anatomy.dense_targets import dense_levels
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.parts import PARTS
from utility_functions.files.cases import load_scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

TRUE = Landmarks(("L1", "L2", "L3"), np.array([[0, 0, 35.0], [0, 0, 0], [0, 0, -35.0]]))


def found(**levels: tuple[float, float, float]) -> Landmarks:
    return Landmarks(tuple(levels), np.array(list(levels.values()), float).reshape(-1, 3))


@pytest.mark.parametrize(
    ("predicted", "near", "far", "named", "false", "outside"),
    [
        pytest.param(found(L1=(0, 0, 35), L2=(0, 0, 0), L3=(0, 0, -35)), 3, 3, 3, (), (), id="all right"),
        pytest.param(found(T12=(0, 0, 35), L1=(0, 0, 0), L2=(0, 0, -35)), 3, 3, 0, (), (), id="one level off"),
        pytest.param(found(L1=(0, 10, 35), L2=(0, 10.1, 0), L3=(0, 20.1, -35)), 1, 2, 2, ("L3",), (), id="limits"),
        pytest.param(found(L2=(0, 60, 0)), 0, 0, 0, ("L2",), (), id="in the belly"),
        pytest.param(found(T12=(0, 0, 70), L4=(5, 0, -70)), 0, 0, 0, (), ("T12", "L4"), id="the spine goes on"),
        pytest.param(found(L4=(80, 0, -90)), 0, 0, 0, ("L4",), (), id="a femoral head below the labels"),
        pytest.param(found(S1=(0, 40, 0)), 0, 0, 0, (), (), id="the sacrum is left aside"),
        pytest.param(Landmarks.empty(), 0, 0, 0, (), (), id="nothing"),
    ],
)
def test_predictions_count_as_found_named_false_or_outside(
    predicted: Landmarks, near: int, far: int, named: int, false: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    result = score("scan", predicted, TRUE)
    assert (result.labelled, result.near, result.far, result.named) == (3, near, far, named)
    assert (result.false, result.outside) == (false, outside)


def test_the_labelled_range_ends_half_a_step_outside_the_outermost_labels() -> None:
    labelled = labelled_range(TRUE)
    heights = np.array([53.0, 52.0, 0.0, -52.0, -53.0])
    inside = labelled.holds(np.stack([0 * heights + 30, 0 * heights, heights], axis=-1))
    assert inside.tolist() == [False, True, True, True, False]


def test_a_truth_without_vertebrae_is_refused() -> None:
    with pytest.raises(ValueError, match="names no vertebra"):
        score("scan", TRUE, found(S1=(0, 0, 0)))


def test_dice_ignores_voxels_outside_the_labelled_range() -> None:
    grid = Grid.from_spacing((30, 30, 100), 2.0, (-30, -30, -100))
    levels = dense_levels(TRUE, grid)
    truth = LabelMap(np.where(levels, VERSE_IDS["L1"], 0).astype(np.uint8), grid)
    detected = np.isin(levels, np.unique(levels)).astype(np.uint8) * (levels > 0)
    detected[:, :, :10] = 1  # far below
    assert dice_in_range(LabelMap(detected.astype(np.uint8), grid), truth, TRUE) == 1.0
    half = detected.copy()
    half[15:] = 0
    assert dice_in_range(LabelMap(half.astype(np.uint8), grid), truth, TRUE) == pytest.approx(2 / 3, abs=0.05)
    assert dice_in_range(LabelMap(0 * detected, grid), LabelMap(0 * detected, grid), TRUE) is None


@pytest.mark.parametrize(
    ("labels", "bodies_alone", "classes"),
    [(PARTS, False, ("body", "arch")), (PARTS, True, ("body",)), (("background", "vertebra"), True, ("vertebra",))],
)
def test_a_mask_is_compared_with_the_classes_that_it_holds(
    labels: tuple[str, ...], bodies_alone: bool, classes: tuple[str, ...]
) -> None:
    assert tuple(labels[number] for number in mask_classes(labels, bodies_alone)) == classes


def test_missed_floors_are_listed() -> None:
    result = score("scan", found(L1=(0, 0, 35), L2=(0, 7, 0)), TRUE, dice=0.5, seconds=1.25)
    assert real_scans.below_floor(result) == ["1 not found within 10 mm", "66.7 % named", "Dice 0.500"]
    assert len(real_scans.cells(result)) == len(real_scans.HEADER)
    row = next(csv.DictReader(io.StringIO(real_scans.as_csv([result]))))
    assert (row["scan"], row["found_10"], row["same_name_mm"], row["false"]) == ("scan", "2", "3.5", "")


def test_the_folder_of_real_scans_is_named_by_an_option_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert real_folder() == tmp_path and real_cases(tmp_path) == []
    assert real_scans.main(["--real", str(tmp_path / "missing")]) == 2
    assert "name it by --real" in capsys.readouterr().err


def test_contact_sheets_are_written_without_real_scans(tmp_path: Path) -> None:
    options = ["--regions", "cervical", "--windows", "bone", "--phantoms", "1", "--spacing-mm", "4"]
    assert phantom_views.main([str(tmp_path), *options]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["cervical_bone.png"]


@pytest.mark.real
def test_the_truth_of_every_real_scan_scores_perfectly_against_itself(real: Path) -> None:
    levels = {}
    for case in real_cases(real):
        truth = true_centres(load_scan(case))
        result = score(case.case_id, truth, truth)
        assert result.near == result.named == result.labelled and not result.false and not result.outside
        levels[case.case_id] = result.labelled
    assert levels == {"verse014": 5, "example_ct": 6, "dicom_series": 2, "tptbox_crop": 3}


@pytest.mark.real
def test_a_real_scan_gives_a_row_and_a_picture(real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = [str(path) for path in oracle_models(tmp_path)]
    options = ["--real", str(real), "--only", "tptbox_crop", "--models", *models, "--output", str(tmp_path / "out")]
    assert real_scans.main(options) == 0
    assert "tptbox_crop" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"tptbox_crop.png", "real_scans.csv"}


@pytest.mark.real
@pytest.mark.parametrize("scan", ["verse014", "example_ct", "dicom_series", "tptbox_crop"])
def test_the_shipped_models_find_every_labelled_vertebra(scan: str, real: Path) -> None:
    [case] = [case for case in real_cases(real) if case.case_id == scan]
    result = real_scans.measure(case, load_models(), None, InferenceOptions())
    assert result.near == result.labelled and not result.false
    if scan in ("verse014", "example_ct"):
        assert not real_scans.below_floor(result)
