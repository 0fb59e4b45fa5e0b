"""The three scripts on tiny inputs, and the process that runs them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardening.tiny_inputs import coarse_phantom, tiny_settings, write_case
from learning_functions.generate.generation import generate

HERE = Path(__file__).resolve().parent.parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
SCRIPTS = ("generate_samples", "train", "measure")


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
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # nothing that it says lies in a buffer here
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._process.stdout.readline().strip() != b"ready":
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
        self._process.stdin.write(json.dumps({**request, "most_bytes": most_bytes, "clock": clock}).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def has_ended(self) -> bool:
        """Whether the script that was begun has ended."""
        return bool(select.select([self._process.stdout], [], [], 0)[0])

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
