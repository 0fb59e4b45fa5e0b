"""What a run of a script leaves: finished files, half ones, hidden ones and processes, and what going on gives."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from hardening.script_jobs import Job, ScriptRunner
from hardening.script_runner import RUN_MARK
from utility_functions.files.images import read_label_map

TIMES = re.compile(r'"?(seconds|time|date|created|written|mtime|when|took)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Disturbed:
    """One disturbed run: what disturbed it, its exit code, what was wrong afterwards in words, and what was left."""

    script: str
    how: str
    code: int
    wrong: tuple[str, ...]
    left: tuple[str, ...] = ()


def contents_of(folder: Path) -> dict[str, str]:
    """What is finished in an output folder: by the file's name a digest of what does not depend on the time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and (text := _content(path)) is not None:
            found[name] = hashlib.sha256(text).hexdigest()[:12]
    return found


def _content(path: Path) -> bytes | None:
    """What a file holds but times; raises where it cannot be read whole. None: it is not compared."""
    if path.suffix == ".h5":
        with h5py.File(path, "r") as file:
            held: list[bytes] = []
            file.visititems(
                lambda name, thing: (
                    held.append(np.asarray(thing[()]).tobytes()) if isinstance(thing, h5py.Dataset) else None
                )
            )
            return b"".join(held)
    if path.name.endswith(".nii.gz"):
        return read_label_map(path).voxels.tobytes()
    if path.suffix == ".json":
        json.loads(path.read_text())
        return path.read_bytes() if path.name.endswith(("_centroids.json", ".mrk.json")) else None
    if path.suffix == ".csv":
        rows = [line.split(",") for line in path.read_text().splitlines()]
        kept = [n for n, name in enumerate(rows[0]) if not TIMES.search(name)]
        return "\n".join(",".join(row[n] for n in kept if n < len(row)) for row in rows).encode()
    if path.suffix == ".keras":
        import zipfile

        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise ValueError(f"{path} is damaged.")
        return None
    return None


def hidden_in(folder: Path) -> list[str]:
    """Temporary files and folders."""
    return sorted(path.name for path in folder.rglob(".*")) if folder.exists() else []


def processes_of(group: int) -> list[int]:
    """The processes that still run in a process group, or were started in it and have left it (`RUN_MARK`)."""
    found = []
    mark = f"{RUN_MARK}={group}".encode()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = status.read_text().rpartition(")")[2].split()
            started_in_it = mark in status.with_name("environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] != "Z" and (started_in_it or int(words[2]) == group):
            found.append(int(status.parent.name))
    return found


def work_of(process: int) -> float:
    """The seconds of processor that a process and its children have taken so far."""
    place = Path("/proc", str(process))
    try:
        words = (place / "stat").read_text().rpartition(")")[2].split()
        children = [child for task in (place / "task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return 0.0
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK") + sum(work_of(int(child)) for child in children)


def wait_for_work(runner: ScriptRunner, process: int, seconds: float) -> None:
    """Wait until a run has taken so many seconds of processor, whatever else the machine does, or has ended."""
    while not runner.has_ended() and work_of(process) < seconds:
        time.sleep(0.01)


def undisturbed(runner: ScriptRunner, job: Job, folder: Path) -> tuple[dict[str, str], float]:
    """What a run gives that nothing disturbs, and the seconds of processor that it takes."""
    out = folder / f"undisturbed_{job.script}"
    out.mkdir(parents=True)
    process = runner.begin(job, out)
    taken = 0.0
    while not runner.has_ended():
        taken = max(taken, work_of(process))
        time.sleep(0.02)
    code = runner.end()
    if code != 0:
        raise RuntimeError(f"{job.script} failed undisturbed ({code}): {runner.said[-2000:]}")
    return contents_of(out), taken


def half_files(out: Path, expected: dict[str, str]) -> Iterator[str]:
    """Files under final names that are not whole: they cannot be read, or are neither the run's nor an epoch's."""
    try:
        now = contents_of(out)
    except (ValueError, OSError, KeyError) as error:
        yield f"a half file: {error}"
        return
    for name, digest in now.items():
        if name in expected and digest != expected[name] and not name.startswith(("results", "model.training")):
            yield f"{name} is not what an undisturbed run writes"


def gone_on(runner: ScriptRunner, job: Job, out: Path, expected: dict[str, str]) -> list[str]:
    """What is wrong where the run goes on."""
    runner.begin(job, out, going_on=True)
    if (again := runner.end()) != 0:
        return [f"going on ends with {again}: {runner.said[-300:]}"]
    now = contents_of(out)
    different = sorted(name for name in {*expected, *now} if expected.get(name) != now.get(name))
    return [f"going on gives something else: {', '.join(different[:4])}"] if different else []
