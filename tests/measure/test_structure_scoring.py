"""Which models are scored by a phantom's discs and canal: those of MR that find them or count vertebrae."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from learning_functions.measure.structure_scoring import finds_structures
from learning_functions.task import Settings, Task, load_task


@dataclass(frozen=True)
class Model:
    task: Task
    settings: Settings


@pytest.mark.parametrize(
    ("task_name", "preset", "expected"),
    [
        ("multiclass_mr", "small", True),
        ("panoptic", "mr", True),
        ("panoptic", "shipped", False),
        ("instances", "spider", True),
        ("instances", "paper", False),
        ("detection", "small", False),
    ],
)
def test_models_of_mr_are_scored_by_discs_and_canal(task_name: str, preset: str, expected: bool) -> None:
    task = load_task(task_name)
    assert finds_structures(Model(task, task.presets[preset])) is expected  # type: ignore[arg-type]
