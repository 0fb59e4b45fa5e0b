"""The plan of learning curves: one thing changes at a time, and all trainings take equal steps."""

from __future__ import annotations

import pytest

from benchmarks.learning_curves import Trial, epochs_for, trials


def test_only_one_thing_differs_from_the_fullest_training() -> None:
    assert trials([960, 60], [8, 12], [1, 2]) == [
        Trial(60, 8, 1),
        Trial(60, 8, 2),
        Trial(960, 8, 1),
        Trial(960, 8, 2),
        Trial(960, 12, 1),
        Trial(960, 12, 2),
    ]


@pytest.mark.parametrize(
    ("steps", "samples", "batch", "epochs"),
    [(1000, 960 * 16, 16, 1), (1000, 60 * 16, 16, 17), (1000, 240 * 16, 16, 4), (10, 10_000, 4, 1), (5, 3, 2, 2)],
)
def test_epochs_come_to_the_steps_asked_for(steps: int, samples: int, batch: int, epochs: int) -> None:
    assert epochs_for(steps, samples, batch) == epochs
