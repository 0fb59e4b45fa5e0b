"""A network is compared with the weights of its file, whatever else it holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from learning_functions.model_files.model_file import load_model
from learning_functions.model_files.pretrained import SHIPPED


@pytest.mark.parametrize("name", ["naming", "vertebra_heatmaps"])
def test_a_model_with_dropout_is_no_larger_than_its_file(name: str, tmp_path: Path) -> None:
    """Seeds of dropout are variables that no .h5 file holds; models of the package itself are not counted."""
    copy = tmp_path / f"{name}.h5"
    shutil.copy(SHIPPED / copy.name, copy)
    assert load_model(copy)[1]["task"] == name
