"""Floors of the shipped models: names, positions and masks on unseen phantoms, and names on real scans.

A fall below a floor means that a change has cost accuracy; the figures themselves are in docs/results.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from experiments.steadiness import changes, effect_of
from learning_functions.model_files.pretrained import SHIPPED
from learning_functions.predict.pipeline import load_models, run_models
from learning_functions.predict.trained_model import TrainedModel
from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.instance_scores import score_instances
from losses_and_metrics.scan_scores import summarise
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.files.cases import load_scan
from utility_functions.files.images import read_image
from utility_functions.files.manifest import find_cases
from utility_functions.reporting.results import ScanRow
from utility_functions.reporting.score_frames import level_frame

PHANTOMS = "phantom:5:usual:seed=981"
"""No model or threshold was chosen on these."""
LEAST_IDENTIFIED, MOST_ERROR_MM, LEAST_DICE = 0.95, 2.5, 0.80
REAL = {
    "verse014/sub-verse014_ct.nii.gz": "L1 L2 L3 L4 L5",
    "verse008/sub-verse008_ct.nii.gz": "T12 L1 L2 L3 L4 L5",
    "verse006/sub-verse006_ct.nii.gz": "L4 L5",
    "totalseg/example_ct.nii.gz": "T12 L1 L2 L3 L4 L5",
}
"""Scans with levels labelled by hand or by another program, and these levels."""
HEIGHTS_MM = {"L5": 145, "L4": 183, "L3": 219, "L2": 253, "L1": 286, "T12": 320, "T11": 350, "T10": 377, "T9": 403}
"""Bodies of acrin_abdpelvis above its lowest slice, read from the sacrum upwards."""
READING_ERROR_MM = 12.0
MOST_NATS = 0.33
"""By how much the log-odds that all names are right may change."""


@pytest.fixture(scope="module")
def models() -> list[TrainedModel]:
    return load_models([SHIPPED / f"{name}.h5" for name in ("detection", "identification", "instances")])


def test_the_shipped_models_reach_their_floors_on_phantoms(models: list[TrainedModel]) -> None:
    rows, dice = [], []
    for case in find_cases(Path(PHANTOMS)):
        scan = load_scan(case, spacing_mm=(2.0, 2.0, 2.0), axcodes="RAS")
        found = run_models(models, scan.volume, case.case_id)
        score = score_scan(case.case_id, found.landmarks, scan.landmarks, interpolated=found.interpolated)
        rows.append(ScanRow(case.case_id, found, scan.landmarks, score))
        masks = score_instances(case.case_id, found.instances, scan.label_map, case.label_code, found.completeness)
        dice += [one.mask.dice for one in masks.vertebrae if one.complete]
    every = summarise(level_frame(rows)).iloc[0]
    assert every["rate_verse"] >= LEAST_IDENTIFIED
    assert every["mean_mm"] <= MOST_ERROR_MM
    assert len(dice) > 20 and np.mean(dice) >= LEAST_DICE


@pytest.mark.real
@pytest.mark.parametrize("scan", REAL)
def test_every_labelled_level_of_a_real_scan_is_named_right(scan: str, models: list[TrainedModel], real: Path) -> None:
    (case,) = find_cases(real / scan)
    loaded = load_scan(case)
    found = run_models(models[:2], loaded.volume, case.case_id).landmarks
    assert set(REAL[scan].split()) <= set(found.names), f"found {found.names}"
    if loaded.landmarks is not None:
        for name, point in loaded.landmarks:
            assert np.linalg.norm(found.point(name) - point) < 10.0, name


@pytest.mark.real
@pytest.mark.parametrize("kind", ["crop", "noise"])
def test_a_real_scan_cropped_by_a_slice_or_noisier_keeps_its_names_and_its_odds(
    kind: str, models: list[TrainedModel], real: Path
) -> None:
    volume = read_image(real / "verse006" / "sub-verse006_ct.nii.gz")
    change = next(changes(volume, [kind]))
    before, after = (run_models(models[:2], each) for each in (volume, change.volume))
    effect = effect_of(before, after, sure=0.005)
    assert (effect.renamed, effect.lost, effect.new) == (0, 0, 0)
    assert effect.nats < MOST_NATS


@pytest.mark.real
def test_a_whole_trunk_has_the_names_counted_from_the_sacrum(models: list[TrainedModel], real: Path) -> None:
    (case,) = find_cases(real / "acrin_abdpelvis" / "ct.nii.gz")
    volume = load_scan(case).volume
    found = run_models(models[:2], volume, case.case_id).landmarks
    lowest = volume.grid.corners_mm()[:, 2].min()
    for name, height in HEIGHTS_MM.items():
        assert name in found, f"found {found.names}"
        assert math.isclose(found.point(name)[2] - lowest, height, abs_tol=READING_ERROR_MM), name


@pytest.mark.real
def test_a_whole_chest_has_the_names_counted_by_ribs(models: list[TrainedModel], real: Path) -> None:
    (case,) = find_cases(real / "cip_ct64" / "ct-64.nrrd")
    found = run_models(models, load_scan(case).volume, case.case_id).landmarks
    expected = VERTEBRAE[VERTEBRAE.index("C7") : VERTEBRAE.index("T12") + 1]
    assert set(expected) <= set(found.names), f"found {found.names}"
