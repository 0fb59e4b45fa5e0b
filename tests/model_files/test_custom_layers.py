"""Model files that hold layers of ours load in a program that has made no such network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from learning_functions.model_files.model_file import save_model
from learning_functions.task import load_task
from tests.tiny import tiny_settings

LOADING = """
import sys
from learning_functions.model_files.model_file import load_model
network, card = load_model(sys.argv[1])
print(network.name, card["task"], network.get_layer("landmark_sigmas").sigmas.shape[0])
"""


def test_a_network_of_ours_is_loaded_by_a_program_that_never_made_one(tmp_path: Path) -> None:
    settings = tiny_settings("vertebra_heatmaps")
    settings = settings.with_options(learn_sigma=True)
    path = tmp_path / "model.h5"
    card = {"task": "vertebra_heatmaps", "spec": settings.spec.to_json(), "settings": settings.to_json()}
    save_model(load_task("vertebra_heatmaps").network(settings), path, card)
    done = subprocess.run(
        [sys.executable, "-c", LOADING, str(path)], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["spatial_configuration_net", "vertebra_heatmaps", "26"]
