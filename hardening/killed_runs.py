"""Runs of the three scripts that are ended by signals at random moments, and gone on with."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hardening.run_remains import Disturbed, gone_on, half_files, hidden_in, processes_of, undisturbed, wait_for_work
from hardening.script_jobs import SCRIPTS, Job, ScriptRunner, tiny_jobs

SECONDS_TO_CLEAR = 10.0
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)
"""In turn: half of the ends are by SIGKILL, which nothing can answer to."""
MOST_TRIES = 5


def draw_kills(
    folder: Path,
    count: int,
    seed: int,
    tell: Callable[[str], None] = lambda text: None,
    scripts: Sequence[str] = SCRIPTS,
    signals: Sequence[signal.Signals] = SIGNALS,
) -> list[Disturbed]:
    """``count`` runs of the scripts in turn, each ended by the next signal at a random moment, and gone on with.

    A run that had ended by itself before the signal came does not count, and is made again.
    """
    rng = np.random.default_rng(seed)
    jobs = tiny_jobs(folder, scripts)
    found: list[Disturbed] = []
    with ScriptRunner(folder, scripts) as runner:
        expected = {job.script: undisturbed(runner, job, folder) for job in jobs}
        for number in tqdm(range(count), desc="ends by signals"):
            job = jobs[number % len(jobs)]
            which = signals[number // len(jobs) % len(signals)]
            for _ in range(MOST_TRIES):
                after = float(rng.uniform(0.01, 0.95)) * expected[job.script][1]
                out = folder / f"out{number}"
                one = _killed(runner, job, out, which, after, expected[job.script][0])
                shutil.rmtree(out, ignore_errors=True)
                if one.code != 0 or one.wrong:
                    break
            found.append(one)
            if one.wrong:
                tell(f"{number} {one.script} {one.how}: {'; '.join(one.wrong)}")
    return found


def _killed(
    runner: ScriptRunner, job: Job, out: Path, which: signal.Signals, after: float, expected: dict[str, str]
) -> Disturbed:
    out.mkdir()
    pid = runner.begin(job, out)
    wait_for_work(runner, pid, after)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, which)
    code = runner.end()
    how = f"{which.name} after {after:.2f} s of work"
    wrong = list(_told(runner, code, which))
    until = time.monotonic() + SECONDS_TO_CLEAR
    while time.monotonic() < until and (processes_of(pid) or hidden_in(out)):
        time.sleep(0.1)
    if alive := processes_of(pid):
        wrong.append(f"{len(alive)} processes outlive the run")
        for each in alive:
            os.kill(each, signal.SIGKILL)
    left = hidden_in(out)
    if left:
        wrong.append(f"temporary files outlive the run: {left[:3]}")
    wrong += half_files(out, expected)
    wrong += gone_on(runner, job, out, expected)
    return Disturbed(job.script, how, code, tuple(wrong), tuple(left))


def _told(runner: ScriptRunner, code: int, which: signal.Signals) -> Iterator[str]:
    if "Traceback" in runner.said:
        yield f"a traceback: {runner.said[-400:]}"
    usual = {signal.SIGKILL: (-9, 0), signal.SIGTERM: (143, 0, -15), signal.SIGINT: (130, 0)}[which]
    if code not in usual:
        yield f"exit code {code}: {runner.said[-300:]}"
