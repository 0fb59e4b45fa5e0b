"""Runs of the three scripts that are disturbed: by disks, by a lost input, by each other, by the clock."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hardening.run_remains import Disturbed, gone_on, half_files, hidden_in, processes_of, undisturbed, wait_for_work
from hardening.script_jobs import SCRIPTS, Job, ScriptRunner, tiny_jobs

ROOM = 2**26
"""Bytes of a disk with room for all."""
KINDS = ("full", "limit", "read-only", "vanishing", "pair", "clock")
"""A small tmpfs; a limit to the size of files; a folder that turns read-only; an input that vanishes; two runs into one
folder; a clock that jumps by ten years."""
USUAL_ENDS = (0, 2)


def draw_disturbances(
    folder: Path,
    count: int,
    seed: int,
    tell: Callable[[str], None] = lambda text: None,
    scripts: Sequence[str] = SCRIPTS,
    kinds: Sequence[str] = KINDS,
) -> list[Disturbed]:
    """``count`` runs of the scripts in turn, each disturbed in one of the kinds in turn, then gone on with."""
    rng = np.random.default_rng([seed, 2])
    jobs = tiny_jobs(folder, scripts)
    possible = [kind for kind in kinds if kind not in ("full", "read-only") or may_mount(folder)]
    found = []
    with ScriptRunner(folder / "a", scripts) as runner, ScriptRunner(folder / "b", scripts) as other:
        expected = {job.script: undisturbed(runner, job, folder) for job in jobs}
        for number in tqdm(range(count), desc="disturbed runs"):
            job, kind = jobs[number % len(jobs)], possible[(number // len(jobs)) % len(possible)]
            out = folder / f"{kind}{number}"
            out.mkdir()
            known, seconds = expected[job.script]
            after = float(rng.uniform(0.02, 0.9)) * seconds
            size = int(np.exp(rng.uniform(np.log(5_000), np.log(400_000))))
            with mounted(out, size if kind == "full" else ROOM) if kind in ("full", "read-only") else nullcontext():
                one = _disturbed(kind, (runner, other), job, out, known, after, size)
            shutil.rmtree(out, ignore_errors=True)
            found.append(one)
            if one.wrong:
                tell(f"{number} {job.script} {one.how}: {'; '.join(one.wrong)}")
    return found


def may_mount(folder: Path) -> bool:
    """Whether this process may mount a tmpfs."""
    place = folder / "tried"
    place.mkdir(exist_ok=True)
    try:
        with mounted(place, ROOM):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def mounted(place: Path, size: int) -> Iterator[None]:
    """A tmpfs of ``size`` bytes at a folder. Raises: OSError where that is not permitted."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, check=False
    )
    if done.returncode:
        raise OSError("No tmpfs can be mounted here.")
    try:
        yield
    finally:
        for _ in range(20):
            if not subprocess.run(["umount", place], capture_output=True, check=False).returncode:
                break
            time.sleep(0.5)


def remount(place: Path, how: str) -> bool:
    return subprocess.run(["mount", "-o", f"remount,{how}", place], capture_output=True, check=False).returncode == 0


def _disturbed(
    kind: str,
    runners: tuple[ScriptRunner, ScriptRunner],
    job: Job,
    out: Path,
    expected: dict[str, str],
    after: float,
    size: int,
) -> Disturbed:
    """One disturbed run, judged, and gone on with once the disturbance is over."""
    runner, other = runners
    restore: Callable[[], object] = lambda: None  # noqa: E731
    how = kind
    pid = runner.begin(job, out, most_bytes=size if kind == "limit" else None, clock=kind == "clock")
    if kind == "full":
        how, restore = f"full disk of {size} bytes", lambda: remount(out, f"size={ROOM}")
    elif kind == "limit":
        how = f"files of {size} bytes at most"
    elif kind == "read-only":
        wait_for_work(runner, pid, after)
        how, restore = f"read-only after {after:.2f} s", lambda: remount(out, "rw")
        remount(out, "ro")
    elif kind == "vanishing":
        victim = job.inputs[size % len(job.inputs)]
        wait_for_work(runner, pid, after)
        content = victim.read_bytes()
        victim.unlink()
        how, restore = f"vanishing {victim.suffix} after {after:.2f} s", lambda: victim.write_bytes(content)
    elif kind == "pair":
        wait_for_work(runner, pid, after / 2)
        other.begin(job, out)
        how = f"pair, {after / 2:.2f} s apart"
    codes = [runner.end(), *([other.end()] if kind == "pair" else [])]
    said = runner.said + (other.said if kind == "pair" else "")
    wrong = []
    if any(code not in USUAL_ENDS for code in codes) or "Traceback" in said:
        wrong.append(f"exit code {codes}: {said[-500:]}")
    elif 2 in codes and "error" not in said:
        wrong.append(f"no error was told: {said[-300:]}")
    time.sleep(0.2)
    if processes_of(pid):
        wrong.append("processes outlive the run")
    restore()
    left = hidden_in(out)
    if left and kind != "read-only":
        wrong.append(f"temporary files outlive the run: {left[:3]}")
    # what was written without a lost scan, and told by exit code 2, is whole and yet another file
    wrong += half_files(out, {} if kind == "vanishing" and 2 in codes else expected)
    wrong += gone_on(runner, job, out, expected)
    return Disturbed(job.script, how, codes[0], tuple(wrong), tuple(left))
