"""The learning rate over the steps of a training run: constant, cosine, or in steps."""

from __future__ import annotations

from typing import Any

import keras

from learning_functions.task import Settings

MOST_WARMING_STEPS = 200
"""The cosine schedule begins with these steps, or a tenth of all, of a rising rate."""
LOWEST = 0.01
"""The fraction of the learning rate at which the cosine schedule begins and ends."""
STEP_FACTOR = 0.1
"""The factor of each step of the schedule "steps": from 1e-3 to 1e-4, then to 1e-5."""


def learning_rate(settings: Settings[Any], steps_of_an_epoch: int) -> Any:
    """The learning rate of the settings: a number, or a schedule over the optimiser's steps.

    constant: ``settings.learning_rate`` throughout. cosine: rises to it, then falls over all epochs. steps: falls to a
    tenth from each of ``settings.rate_steps`` on, counted from 0.
    """
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        steps = settings.epochs * steps_of_an_epoch
        warm = min(MOST_WARMING_STEPS, steps // 10)
        return keras.optimizers.schedules.CosineDecay(
            rate * LOWEST, steps - warm, LOWEST, warmup_target=rate, warmup_steps=warm
        )
    if settings.schedule == "steps":
        values = [rate * STEP_FACTOR**number for number in range(len(settings.rate_steps) + 1)]
        return keras.optimizers.schedules.PiecewiseConstantDecay([step - 1 for step in settings.rate_steps], values)
    return rate
