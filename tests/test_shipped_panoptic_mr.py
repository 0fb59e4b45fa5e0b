"""The shipped model for MR: small, with a card of its training, and single vertebrae with names from the sacrum."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from learning_functions.measure.structure_scoring import true_structures
from learning_functions.model_files.pretrained import MR_MODELS, SHIPPED
from learning_functions.predict.pipeline import run_models
from learning_functions.predict.trained_model import TrainedModel
from utility_functions.anatomy.mr_parts import MR_PARTS
from utility_functions.anatomy.structures import structures_of
from utility_functions.files.cases import load_scan
from utility_functions.files.manifest import find_cases
from utility_functions.records.map_kinds import VertebraMap

MODEL = SHIPPED / MR_MODELS[0]


def test_it_finds_single_vertebrae_discs_and_canal_without_any_other_model() -> None:
    model = TrainedModel.load(MODEL)
    assert MODEL.stat().st_size < 15_000_000
    assert model.task_name == "panoptic" and model.settings.spec.labels == MR_PARTS
    assert model.card["training"]["samples"]["training"] > 0
    (case,) = find_cases(Path("phantom:1:lumbar:seed=6:mr-t2"))
    scan = load_scan(case, tissues=True, spacing_mm=(4.0, 2.0, 2.0), axcodes="RAS")
    found = run_models([model], scan.volume, case.case_id)
    assert isinstance(found.instances, VertebraMap) and found.landmarks is not None and found.naming is not None
    assert found.structures is not None and found.numbered is not None and scan.landmarks is not None
    true = structures_of(true_structures(scan), "spider").voxels
    for code in (1, 2, 3):
        one, other = found.structures.voxels == code, true == code
        assert 2 * int((one & other).sum()) / int(one.sum() + other.sum()) > 0.45, code
    away = np.linalg.norm(scan.landmarks.points_mm[:, None] - found.landmarks.points_mm, axis=-1).min(axis=1)
    assert (away < 12.0).mean() > 0.7
