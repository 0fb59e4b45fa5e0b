"""The shipped coarse-to-fine and iterative models on an unseen phantom."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from learning_functions.measure.pipeline_file import read_plan
from learning_functions.model_files.model_file import read_card
from learning_functions.model_files.pretrained import SHIPPED
from learning_functions.predict.pipeline import load_models, run_models
from learning_functions.predict.trained_model import TrainedModel
from spine_levels.cli.spine_measure import parser
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.cases import Scan, load_scan
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.resampling import resample
from utility_functions.records.map_kinds import VertebraMap

MODELS = ("spine_heatmap.h5", "vertebra_heatmaps.h5", "vertebra_masks.h5", "instances.h5")
PIPELINES = ("coarse_to_fine", "masks_at_landmarks", "one_after_another")


@pytest.fixture(scope="module")
def scan() -> Scan:
    (case,) = find_cases(Path("phantom:1:usual:seed=72"))
    return load_scan(case, spacing_mm=(2.0, 2.0, 2.0), axcodes="RAS")


@pytest.mark.parametrize("name", MODELS)
def test_each_model_is_a_small_file_whose_card_records_its_training(name: str) -> None:
    path = SHIPPED / name
    networks = len(read_card(path).get("joined_from", (name,)))
    assert path.stat().st_size < 4_000_000 * networks
    with h5py.File(path) as file:
        assert "optimizer_weights" not in file and "training_config" not in file.attrs
    assert isinstance(keras.models.load_model(path, compile=False), keras.Model)
    model = TrainedModel.load(path)
    assert model.task_name == path.stem and min(model.card["training"]["scans"].values()) > 0


@pytest.mark.parametrize("name", PIPELINES)
def test_each_pipeline_segments_and_names_a_healthy_spine(scan: Scan, name: str) -> None:
    assert scan.label_map is not None and scan.landmarks is not None
    plan = read_plan(SHIPPED / f"{name}.toml", vars(parser().parse_args(["scan.nii.gz"])))
    found = run_models(load_models(plan.models), scan.volume, options=plan.options)
    assert found.instances is not None and found.instances.grid is scan.volume.grid
    assert isinstance(found.instances, VertebraMap)
    true = resample(scan.label_map, scan.volume.grid).voxels
    within = scan.volume.grid.contains(scan.landmarks.points_mm, -15.0)
    scores = []
    for level in np.asarray(scan.landmarks.names)[within]:
        one, other = found.instances.voxels == VERSE_IDS[level], true == VERSE_IDS[level]
        scores.append(2 * int((one & other).sum()) / int(one.sum() + other.sum()))
    assert len(scores) > 3 and np.median(scores) > 0.7, scores
