"""The figures of GPUs: how they are measured, tried on the processor, and how they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.gpu_figures import BEGIN, END, HEADINGS, PAGE, Figures, figures_of, main, table, written_into
from tests.tiny import tiny_settings

ROW = Figures("detection", "paper", "bfloat16", 16, 40.0, 800.0, 3.125, 12, 96.04)


def test_a_row_has_samples_per_second_from_steps() -> None:
    lines = table([ROW, Figures("naming", "shipped", "float32", 8, 2.0, 9000.0, None, 8, 1e4)]).splitlines()
    assert len(lines) == 4 and all(line.count("|") == len(HEADINGS) + 1 for line in lines)
    assert lines[2] == "| detection | `paper` | bfloat16 | 16 | 40.0 | 400.0 | 800.0 | 3.12 | 12 | 96.0 |"
    assert lines[3] == "| naming | `shipped` | float32 | 8 | 2.0 | 4000.0 | 9000.0 | - | 8 | 10000.0 |"


def test_the_table_replaces_the_last_one_on_its_page() -> None:
    page = PAGE.read_text("utf-8")
    once = written_into(page, "one")
    assert written_into(once, "two") == written_into(page, "two")
    assert once.startswith(page.partition(BEGIN)[0]) and once.endswith(page.partition(END)[2]) and "Not run" not in once


def test_a_task_is_trained_and_run_for_its_figures(tmp_path: Path) -> None:
    found = figures_of(tiny_settings("detection", "shipped"), "detection", "float32", "cpu", 2, tmp_path)
    assert (found.task, found.preset, found.batch, found.at_once, found.peak_gb) == ("detection", "shipped", 4, 8, None)
    assert min(found.step_ms, found.pipeline, found.patches) > 0


def test_a_machine_without_a_gpu_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == "TensorFlow sees no GPU on this machine: nothing was run.\n"
