"""The comparison of students: its table, and invalid arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import distillation_table as distillation
from experiments.distillation_table import Row, table


def test_each_kind_of_network_has_a_row_for_each_seed_and_its_mean() -> None:
    rows = [
        Row("teacher", 1, 4000, {"val_dice": 0.9, "val_loss": 0.2}),
        Row("student", 1, 1000, {"val_dice": 0.8, "val_loss": 0.3}),
        Row("teacher", 2, 4000, {"val_dice": 0.7, "val_loss": 0.4}),
        Row("student", 2, 1000, {"val_dice": 0.6, "val_loss": 0.5}),
    ]
    assert table(rows).splitlines() == [
        "| network | weights | seed | val_dice | val_loss |",
        "| --- | --- | --- | --- | --- |",
        "| teacher | 4,000 | 1 | 0.9000 | 0.2000 |",
        "| teacher | 4,000 | 2 | 0.7000 | 0.4000 |",
        "| teacher | 4,000 | mean | 0.8000 | 0.3000 |",
        "| student | 1,000 | 1 | 0.8000 | 0.3000 |",
        "| student | 1,000 | 2 | 0.6000 | 0.5000 |",
        "| student | 1,000 | mean | 0.7000 | 0.4000 |",
    ]


def test_a_teacher_trained_before_has_one_row() -> None:
    rows = [Row("teacher", None, 4000, {"val_loss": 0.2}), Row("student", 1, 1000, {"val_loss": 0.3})]
    assert table(rows).splitlines()[2:] == [
        "| teacher | 4,000 | mean | 0.2000 |",
        "| student | 1,000 | 1 | 0.3000 |",
        "| student | 1,000 | mean | 0.3000 |",
    ]


@pytest.mark.parametrize(
    ("more", "output"),
    [
        (("--filters", "1"), "at least 2 filters"),
        (("--preset", "huge"), "A preset is one of"),
        (("--epochs", "0"), "epochs must be at least 1"),
        (("--teacher", "nowhere.h5"), "nowhere.h5"),
    ],
)
def test_invalid_comparisons_are_reported_in_one_line(
    more: tuple[str, ...], output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distillation.main(["--folder", str(tmp_path), *more]) == 2
    assert output in capsys.readouterr().err and not list(tmp_path.iterdir())
