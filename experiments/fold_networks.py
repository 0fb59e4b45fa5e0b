"""Networks of the task naming for the folds of naming_vid, trained as the scripts train them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.pedicle_edges import fitted_places
from learning_functions.generate.generation import generate
from learning_functions.task import load_task, settings_of
from utility_functions.anatomy.naming.statistics_fit import Example
from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.files.cases import Case
from utility_functions.files.keypoint_cases import keypoint_cases
from utility_functions.files.keypoints import read_keypoints
from utility_functions.files.manifest import split_by_patient

if TYPE_CHECKING:
    from learning_functions.predict.trained_model import TrainedModel

INNER = 0.15
"""Fraction of a fold's patients that choose the best epoch and the options of the decoder."""
BATCH = 64


def trained_on(cases: Sequence[Case], folder: Path, name: str) -> TrainedModel:
    """The model ``folder``/``name``.h5, trained on these cases unless the file exists."""
    from learning_functions.predict.trained_model import TrainedModel
    from learning_functions.training.fit import train
    from learning_functions.training.training_choices import Training

    path = folder / f"{name}.h5"
    if not path.exists():
        settings = settings_of(load_task("naming"), "shipped")
        detected_and_true = [
            (read_keypoints(case.image_path), read_keypoints(case.landmarks_path))
            for case in cases
            if case.landmarks_path is not None
        ]
        settings = settings.with_options(places=fitted_places(detected_and_true).to_json())
        parts = zip(("training", "validation"), split_by_patient(cases, INNER, seed=1), strict=True)
        files: list[Path] = []
        for part, part_cases in parts:
            files.append(folder / f"{name}_{part}.h5")
            if not files[-1].exists():
                generate("naming", [replace(case, split=part) for case in part_cases], files[-1], settings, workers=1)
        train(files[0], files[1], path, lambda settings: settings, Training(augment="standard", resume=True))
    return TrainedModel.load(path)


def cases_of(folder: Path, every: int) -> list[Case]:
    """The cases in the order of naming_vid's examples."""
    cases = {case.case_id: case for case in keypoint_cases(folder)}
    return [cases[path.stem] for path in sorted((folder / "truth").glob("*.json"))[::every]]


def probabilities_of(model: TrainedModel, scans: Sequence[Example]) -> list[np.ndarray]:
    """The level probabilities of the bodies of each scan, by the network: (N, levels + 1) each."""
    from learning_functions.inference.naming_evidence import level_probabilities

    probabilities: list[np.ndarray] = []
    for first in range(0, len(scans), BATCH):
        batch = [keypoints_of(scan) for scan in scans[first : first + BATCH]]
        probabilities += level_probabilities(model.network, model.settings, batch)
    return probabilities


def keypoints_of(scan: Example) -> Keypoints:
    """The detections of a scan, as its file holds them."""
    left, right = scan.pedicles_mm or (np.zeros((0, 3)), np.zeros((0, 3)))
    regions = np.full(scan.points_mm.shape, np.nan) if scan.probabilities is None else scan.probabilities
    return Keypoints(scan.points_mm, ("",) * len(scan.points_mm), regions, left, right)
