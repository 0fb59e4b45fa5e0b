"""Work that ends the worker that does it: once, or each time."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from learning_functions.generate import generation

ONCE, ALWAYS = "phantom1", "phantom2"
whole_samples_of_case = generation.samples_of_case


def end_once(flag: Path, process: int | None = None) -> None:
    """End this process, or the one with this number, unless ``flag`` tells that one was ended before."""
    try:
        flag.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(process or os.getpid(), signal.SIGKILL)


def samples_of_case_ended_once(task_name, case, settings, seed, models=()):  # type: ignore[no-untyped-def]
    if case.case_id == ONCE:
        end_once(case.image_path.parent / "ended")
    return whole_samples_of_case(task_name, case, settings, seed, models)


def samples_of_case_always_ended(task_name, case, settings, seed, models=()):  # type: ignore[no-untyped-def]
    if case.case_id == ALWAYS:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole_samples_of_case(task_name, case, settings, seed, models)


def process() -> int:
    return os.getpid()


def slow_until_unwanted(flag: Path) -> None:
    """Long work with steps; it tells in ``flag`` that it began, and beside it that it ended early."""
    from learning_functions.runtime.cancelling import NoLongerWanted, require_wanted

    flag.touch()
    try:
        while True:
            require_wanted()
            time.sleep(0.05)
    except NoLongerWanted:
        flag.with_suffix(".stopped").touch()
        raise
