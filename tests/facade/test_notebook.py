"""The tutorial notebook runs from an empty folder, and shows what its words say."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="the extra 'dev' is not installed")
nbformat = pytest.importorskip("nbformat", reason="the extra 'dev' is not installed")
pytest.importorskip("ipykernel", reason="the extra 'dev' is not installed")

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook with the outputs of its cells; a cell that fails ends it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("NO_COLOR", "1")
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        place = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
        return nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()


def text_of(executed: Any, words: str) -> str:
    """What the code cell with these words printed and showed."""
    [cell] = [cell for cell in executed.cells if cell.cell_type == "code" and words in cell.source]
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(shown)


def test_the_stored_notebook_has_no_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code")


def test_no_command_of_the_notebook_fails(executed: Any) -> None:
    for cell in executed.cells:
        if cell.cell_type == "code":
            assert not re.search(r"^(error: |Traceback)", text_of(executed, cell.source), re.MULTILINE)


def test_the_notebook_shows_the_picture_of_a_scan(executed: Any) -> None:
    [cell] = [cell for cell in executed.cells if "result.show()" in cell.source]
    assert any("<img src=" in output.get("data", {}).get("text/html", "") for output in cell.outputs)


def test_names_of_the_notebook_are_less_sure_in_a_slab(executed: Any) -> None:
    whole, slab = text_of(executed, "result.landmarks"), text_of(executed, "slab.landmarks")
    assert "L3" in whole and "Levels may be shifted" in slab and "range of levels" in slab


def test_corrected_names_of_the_notebook_keep_their_masks(executed: Any) -> None:
    names = text_of(executed, 'masks.landmarks["level"]')
    assert "T11" in names and "L5" not in names and "dtype" in names


def test_a_model_of_the_notebook_names_vertebrae(executed: Any) -> None:
    assert "L3" in text_of(executed, "own.landmarks")
