"""The names of the schedules of the learning rate, and the check of their steps."""

from __future__ import annotations

from collections.abc import Sequence

SCHEDULES = ("constant", "cosine", "steps")


def checked_steps(schedule: str, rate_steps: Sequence[int]) -> tuple[int, ...]:
    """The steps of the schedule "steps". Raises: ValueError for another schedule, and for steps that do not ascend."""
    if schedule not in SCHEDULES:
        raise ValueError(f"The schedule is one of {', '.join(SCHEDULES)}. Received: {schedule!r}.")
    steps = tuple(rate_steps)
    if not steps or steps[0] < 1 or list(steps) != sorted(set(steps)):
        raise ValueError(f"The steps of the learning rate are ascending, from 1 on. Received: {steps}.")
    return steps
