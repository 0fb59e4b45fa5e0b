"""The table of one network for CT and MR against one for each, from what measure.py writes."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import pytest

from experiments import mr_contrasts as contrasts
from experiments.mr_contrasts import HEADER, main, measured_on, row, trained

SUMMARY = [
    {"structure": "vertebra", "dice": 0.91234, "instances": 11, "found": 10, "false": 1},
    {"structure": "disc", "dice": 0.8, "instances": 9, "found": 9, "false": 0},
]


def test_a_row_holds_the_dice_of_each_class_and_the_number_of_found_vertebrae() -> None:
    cells = row("any", "mr-t1", SUMMARY)
    assert cells == ("any contrast", "mr-t1", "0.912", "0.800", "-", "11", "10", "1")
    assert len(cells) == len(HEADER)


def test_existing_files_in_the_folder_are_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts: list[str] = []

    def recorded(script: str, *words: str | Path) -> None:
        scripts.append(script)
        if script != "measure.py":
            (tmp_path / ("ct.h5" if script == "train.py" else Path(words[2]).name)).touch()
        else:
            (tmp_path / "ct_on_ct").mkdir(exist_ok=True)
            (tmp_path / "ct_on_ct" / "results.json").write_text(json.dumps({"structures": SUMMARY}))

    monkeypatch.setattr(contrasts, "run_script", recorded)
    how = Namespace(folder=tmp_path, phantoms=2, validation=1, scans=1, preset="small", epochs=None, workers=1)
    for _ in range(2):
        assert measured_on(how, trained(how, "ct"), "ct") == SUMMARY
    assert scripts == ["generate_samples.py", "generate_samples.py", "train.py", "measure.py", "measure.py"]


def test_a_script_that_fails_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--preset", "none", "--folder", str(tmp_path)]) == 2
    assert "generate_samples.py ended with exit code 2" in capsys.readouterr().err
