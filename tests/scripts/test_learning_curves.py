"""The plan of learning curves: one thing changes at a time, and all trainings take equal steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.learning_curves import Trial, can_be_equal, epochs_for, main, trials


def test_only_one_option_differs_from_the_largest_training() -> None:
    assert trials([960, 60], [8, 12], [1, 2]) == [
        Trial(60, 8, 1),
        Trial(60, 8, 2),
        Trial(960, 8, 1),
        Trial(960, 8, 2),
        Trial(960, 12, 1),
        Trial(960, 12, 2),
    ]


def test_other_spacings_are_tried_with_the_most_phantoms_and_the_first_filters() -> None:
    assert trials([30, 120], [8, 16], [1], [3.0]) == [
        *(Trial(30, 8, 1), Trial(120, 8, 1), Trial(120, 16, 1), Trial(120, 8, 1, 3.0))
    ]


@pytest.mark.parametrize(
    ("steps", "samples", "batch", "epochs"),
    [(1000, 960 * 16, 16, 1), (1000, 60 * 16, 16, 17), (1000, 240 * 16, 16, 4), (10, 10_000, 4, 1), (5, 3, 2, 2)],
)
def test_epochs_add_up_to_the_requested_steps(steps: int, samples: int, batch: int, epochs: int) -> None:
    assert epochs_for(steps, samples, batch) == epochs


@pytest.mark.parametrize(
    ("steps", "samples", "equal"), [(480, 1920, True), (400, 1920, True), (200, 1920, False), (700, 1920, False)]
)
def test_steps_far_from_whole_epochs_are_not_equal(steps: int, samples: int, equal: bool) -> None:
    assert can_be_equal(steps, samples, 4) == equal


def test_steps_fewer_than_an_epoch_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["detection", "--phantoms", "15", "240", "--steps", "200", "--folder", str(tmp_path / "curves")])
    assert ended.value.code == 2 and not (tmp_path / "curves").exists()
    assert "240 phantoms make epochs of 480 steps" in capsys.readouterr().err
