"""Runs of the three scripts on tiny inputs that are disturbed: by signals, by a disk that fills, by each other."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hardening.tiny_inputs import coarse_phantom, tiny_settings, write_case
from learning_functions.generate.generation import generate
from utility_functions.files.images import read_label_map

HERE = Path(__file__).resolve().parent.parent
SECONDS_TO_CLEAR = 10.0
SCRIPTS = ("generate_samples", "train", "measure")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
TIMES = re.compile(r'"?(seconds|time|date|created|written|mtime|when|took)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Disturbed:
    """One disturbed run: what disturbed it, its exit code, what was wrong afterwards in words, and what was left."""

    script: str
    how: str
    code: int
    wrong: tuple[str, ...]
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """A script on tiny inputs. argv: with OUT for its output folder. more: further options that let it go on.

    inputs: files that it reads.
    """

    script: str
    argv: tuple[str, ...]
    more: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()

    def words(self, out: Path, going_on: bool) -> list[str]:
        return [word.replace("OUT", str(out)) for word in (*self.argv, *(self.more if going_on else ()))]


@dataclass
class ScriptRunner:
    """A process that runs scripts (`script_runner`), one at a time."""

    folder: Path
    scripts: Sequence[str] = SCRIPTS
    _process: Any = field(default=None, repr=False)

    def __enter__(self) -> ScriptRunner:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hardening.script_runner", *self.scripts],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError("The process that runs scripts did not start.")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(30)

    def begin(
        self, job: Job, out: Path, going_on: bool = False, most_bytes: int | None = None, clock: bool = False
    ) -> int:
        """Start a script; returns the id of its process. clock: it jumps while the script runs."""
        request = {"script": job.script, "argv": job.words(out, going_on), "said": str(self.folder / "said")}
        self._process.stdin.write(json.dumps({**request, "most_bytes": most_bytes, "clock": clock}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> int:
        """Wait for the end of the script; returns its exit code, minus the number of the signal that ended it."""
        return int(self._process.stdout.readline())

    @property
    def said(self) -> str:
        return (self.folder / "said.err").read_text(errors="replace") + (self.folder / "said.out").read_text(
            errors="replace"
        )


def tiny_jobs(folder: Path, scripts: Sequence[str] = SCRIPTS) -> list[Job]:
    """The three scripts on three phantoms of 8 mm, samples of them, and networks of two filters."""
    data = folder / "data"
    lines = ["name,type,image_path,mask_path,centroid_json_path"]
    for seed in (1, 2, 3):
        write_case(data, coarse_phantom(seed), f"scan{seed}")
        lines.append(f"scan{seed},training,scan{seed}.nii.gz,scan{seed}_mask.nii.gz,scan{seed}.lml")
    (data / "manifest.csv").write_text("\n".join(lines) + "\n")
    for name, seed in (("validation", 4), ("training", 5)):
        case = write_case(folder / name, coarse_phantom(seed), f"scan{seed}")
        generate("detection", [case], folder / f"{name}.h5", tiny_settings("detection"), workers=1)
    models: list[Path] = []
    if "measure" in scripts:
        from hardening.tiny_models import write_models

        models = write_models(folder / "models")[:2]
    samples = [str(folder / f"{name}.h5") for name in ("training", "validation")]
    small = ("--filters", "2", "--epochs", "3", "--device", "cpu")
    cutting = ("--preset", "small", "--spacing", "8", "--samples-per-scan", "4", "--workers", "2")
    images = tuple(data / f"scan{seed}.nii.gz" for seed in (1, 2, 3))
    jobs = [
        Job("generate_samples", ("detection", str(data), "OUT/samples.h5", *cutting), inputs=images),
        Job("train", (*samples, "OUT/model.h5", *small), ("--resume",), tuple(map(Path, samples))),
        Job(
            "measure",
            (str(data), *map(str, models), "--output", "OUT", "--device", "cpu"),
            ("--skip-existing",),
            images,
        ),
    ]
    return [job for job in jobs if job.script in scripts]


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


def processes_of(session: int) -> list[int]:
    """The processes that still run in a session."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == session and words[0] != "Z":
            found.append(int(status.parent.name))
    return found


def undisturbed(runner: ScriptRunner, job: Job, folder: Path) -> tuple[dict[str, str], float]:
    """What a run gives that nothing disturbs, and how long it takes."""
    out = folder / f"undisturbed_{job.script}"
    out.mkdir(parents=True)
    started = time.perf_counter()
    runner.begin(job, out)
    code = runner.end()
    if code != 0:
        raise RuntimeError(f"{job.script} failed undisturbed ({code}): {runner.said[-2000:]}")
    return contents_of(out), time.perf_counter() - started


def draw_kills(
    folder: Path,
    count: int,
    seed: int,
    tell: Callable[[str], None] = lambda text: None,
    scripts: Sequence[str] = SCRIPTS,
    signals: Sequence[signal.Signals] = SIGNALS,
) -> list[Disturbed]:
    """``count`` runs, of the scripts in turn, each ended by one of the signals at a random moment, and gone on with."""
    rng = np.random.default_rng(seed)
    jobs = tiny_jobs(folder, scripts)
    found = []
    with ScriptRunner(folder, scripts) as runner:
        expected = {job.script: undisturbed(runner, job, folder) for job in jobs}
        for number in range(count):
            job = jobs[number % len(jobs)]
            which = signals[int(rng.integers(len(signals)))]
            after = float(rng.uniform(0.02, 0.98)) * expected[job.script][1]
            out = folder / f"out{number}"
            one = _killed(runner, job, out, which, after, expected[job.script][0])
            shutil.rmtree(out, ignore_errors=True)
            found.append(one)
            if one.wrong:
                tell(f"{number} {one.script} {one.how}: {'; '.join(one.wrong)}")
    return found


def _killed(
    runner: ScriptRunner, job: Job, out: Path, which: signal.Signals, after: float, expected: dict[str, str]
) -> Disturbed:
    out.mkdir()
    pid = runner.begin(job, out)
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, which)
    code = runner.end()
    how = f"{which.name} after {after:.2f} s"
    wrong = list(_told(runner, code, which))
    until = time.monotonic() + SECONDS_TO_CLEAR
    while time.monotonic() < until and (processes_of(pid) or (which != signal.SIGKILL and hidden_in(out))):
        time.sleep(0.1)
    if alive := processes_of(pid):
        wrong.append(f"{len(alive)} processes outlive the run")
        for each in alive:
            os.kill(each, signal.SIGKILL)
    left = hidden_in(out)
    if left and which != signal.SIGKILL:
        wrong.append(f"temporary files outlive the run: {left[:3]}")
    wrong += _half(out, expected)
    wrong += _gone_on(runner, job, out, expected)
    return Disturbed(job.script, how, code, tuple(wrong), tuple(left))


def _told(runner: ScriptRunner, code: int, which: signal.Signals) -> Iterator[str]:
    if "Traceback" in runner.said:
        yield f"a traceback: {runner.said[-400:]}"
    usual = {signal.SIGKILL: (-9, 0), signal.SIGTERM: (143, 0, -15), signal.SIGINT: (130, 0)}[which]
    if code not in usual:
        yield f"exit code {code}: {runner.said[-300:]}"


def _half(out: Path, expected: dict[str, str]) -> Iterator[str]:
    """Files under final names that are not whole: they cannot be read, or are neither the run's nor an epoch's."""
    try:
        now = contents_of(out)
    except (ValueError, OSError, KeyError) as error:
        yield f"a half file: {error}"
        return
    for name, digest in now.items():
        if name in expected and digest != expected[name] and not name.startswith(("results", "model.training")):
            yield f"{name} is not what an undisturbed run writes"


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
        for number in range(count):
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


ROOM = 2**26


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
        time.sleep(after)
        how, restore = f"read-only after {after:.2f} s", lambda: remount(out, "rw")
        remount(out, "ro")
    elif kind == "vanishing":
        victim = job.inputs[size % len(job.inputs)]
        time.sleep(after)
        content = victim.read_bytes()
        victim.unlink()
        how, restore = f"vanishing {victim.suffix} after {after:.2f} s", lambda: victim.write_bytes(content)
    elif kind == "pair":
        time.sleep(after / 2)
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
    wrong += _half(out, expected)
    wrong += _gone_on(runner, job, out, expected)
    return Disturbed(job.script, how, codes[0], tuple(wrong), tuple(left))


def _gone_on(runner: ScriptRunner, job: Job, out: Path, expected: dict[str, str]) -> list[str]:
    """What is wrong where the run goes on."""
    runner.begin(job, out, going_on=True)
    if (again := runner.end()) != 0:
        return [f"going on ends with {again}: {runner.said[-300:]}"]
    now = contents_of(out)
    different = sorted(name for name in {*expected, *now} if expected.get(name) != now.get(name))
    return [f"going on gives something else: {', '.join(different[:4])}"] if different else []
