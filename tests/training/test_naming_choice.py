"""The estimated options of a naming model: statistics of the training samples, and decoding."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning_functions.generate.generation import generate
from learning_functions.samples.augment.node_changes import NodeChanges
from learning_functions.samples.store.sample_store import open_store
from learning_functions.stored_settings import settings_from_card
from learning_functions.task import load_task, settings_of
from learning_functions.training.checkpoints import Checkpoints
from learning_functions.training.naming_choice import chosen
from tests.keypoint_files import write
from tests.naming.brute_force import spine
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.evidence import ROWS
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.naming.statistics_fit import Example, fit
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.landmarks import Landmarks

SETTINGS = settings_of(load_task("naming"), "small")
SPINES = [("T9", "L5", 1.0), ("T10", "L4", 1.1), ("T11", "L5", 0.95), ("C3", "T4", 1.0)]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keypoints")
    for number, (first, last, size) in enumerate(SPINES):
        write(folder, f"scan{number}", spine(first, last), size)
    generate("naming", find_cases(folder), folder / "samples.h5", SETTINGS, workers=1)
    return folder / "samples.h5"


def knowing(samples: Path, fraction: float) -> Any:
    """A network that gives this probability to the true row of each node, and the rest to the next level below."""
    import h5py

    with h5py.File(samples) as file:
        rows = file["targets"][:: SETTINGS.samples_per_scan, 0].astype(int) - 1

    def answer(inputs: np.ndarray, training: bool) -> np.ndarray:
        known = np.full((*inputs.shape[:3], 1, len(ROWS)), 1e-4)
        for scan, its in enumerate(rows):
            for node, row in enumerate(its):
                known[scan, 0, node, 0, row] = fraction
                known[scan, 0, node, 0, min(row + 1, len(LEVELS) - 1)] = 1 - fraction
        return known

    return answer


def test_statistics_are_those_of_the_training_samples(samples: Path) -> None:
    store = open_store(samples)
    learnt = chosen(knowing(samples, 0.9), SETTINGS, store, store)
    found = Statistics.from_json(learnt.statistics)
    spines = [{name: point * size for name, point in spine(a, b).items()} for a, b, size in SPINES]
    points = [np.array(list(each.values())) for each in spines]
    expected = fit(
        Example(at, Landmarks(tuple(its), at), names=tuple(its)) for at, its in zip(points, spines, strict=True)
    )
    for step in expected.steps_mm:
        assert found.steps_mm[step][0] == pytest.approx(expected.steps_mm[step][0], abs=0.1)
    assert found.starts == pytest.approx(expected.starts) and found.missed == pytest.approx(expected.missed)
    assert found.regions is None, "the network separates the regions"
    assert learnt.evidence_weight > 0 and 0 <= learnt.warn_from <= 1
    assert learnt.error_weights is None, "there are too few wrong names to learn from"
    assert sum(learnt.prior_probabilities) == pytest.approx(1) and len(learnt.prior_probabilities) == len(LEVELS)


def test_prior_probabilities_include_variants_of_the_augmentation(samples: Path) -> None:
    store = open_store(samples)
    extra = LEVELS.index("L6")
    added = ((LEVELS.index("L5") + 1, extra + 1),)
    usual, changed = (
        np.array(chosen(knowing(samples, 0.9), SETTINGS, store, store, changes).prior_probabilities)
        for changes in (None, NodeChanges(len(ROWS), added=added, variant=1.0, truncation=0.0))
    )
    assert changed[extra] > 3 * usual[extra] and changed.sum() == pytest.approx(1)


def test_a_wrong_network_gets_a_smaller_evidence_weight(samples: Path) -> None:
    store = open_store(samples)
    sure, wrong = (chosen(knowing(samples, fraction), SETTINGS, store, store) for fraction in (0.999, 0.3))
    assert wrong.evidence_weight < sure.evidence_weight or (
        Statistics.from_json(wrong.statistics).inverse_temperature
        < Statistics.from_json(sure.statistics).inverse_temperature
    )


def test_estimated_options_are_in_the_loaded_card() -> None:
    card = {"settings": SETTINGS.to_json(), "spec": SETTINGS.spec.to_json(), "learnt": {"warn_from": 0.2}}
    settings = settings_from_card(load_task("naming"), card)
    assert settings.options.warn_from == 0.2 and settings.options.members == SETTINGS.options.members
    assert settings_from_card(load_task("naming"), {**card, "learnt": {}}) == SETTINGS


def test_a_new_process_reads_a_finished_run(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "model.h5")
    checkpoints.folder.mkdir()
    load_task("naming").network(SETTINGS.changed(filters=2, levels=1)).save(checkpoints.network_path(1))
    code = (
        "from pathlib import Path\nfrom learning_functions.training.checkpoints import Checkpoints\n"
        f"print(Checkpoints(Path({str(tmp_path / 'model.h5')!r})).load(1).name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.split()[-1] == "naming_network"
