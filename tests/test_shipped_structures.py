"""The shipped model of vertebrae, discs and canal: small, of any contrast, and run on CT and MR alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learning_functions.measure.structure_scoring import true_structures
from learning_functions.model_files.pretrained import SHIPPED
from learning_functions.predict.pipeline import run_models
from learning_functions.predict.trained_model import TrainedModel
from utility_functions.anatomy.structures import structures_of
from utility_functions.files.cases import load_scan
from utility_functions.files.manifest import find_cases

MODEL = SHIPPED / "multiclass_mr.h5"


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return TrainedModel.load(MODEL)


def test_the_model_is_small_and_its_card_records_its_training(model: TrainedModel) -> None:
    assert MODEL.stat().st_size < 3_000_000
    assert model.task_name == "multiclass_mr" and model.card["training"]["augment"] == "synth"


@pytest.mark.parametrize("kind", ["mr-t1", "mr-t2", "ct"])
def test_the_model_finds_bodies_in_any_contrast(model: TrainedModel, kind: str) -> None:
    (case,) = find_cases(Path(f"phantom:1:usual:seed=71:{kind}"))
    scan = load_scan(case, tissues=True, spacing_mm=(4.0, 2.0, 2.0), axcodes="RAS")
    found = run_models([model], scan.volume, case.case_id)
    assert found.structures is not None and found.structures.grid is scan.volume.grid
    true = structures_of(true_structures(scan), "spider").voxels
    for code in (1, 2, 3):
        one, other = found.structures.voxels == code, true == code
        assert 2 * int((one & other).sum()) / int(one.sum() + other.sum()) > 0.45, code
    assert found.numbered is not None and len(np.unique(found.numbered.voxels)) > 5
