"""The published presets trained on a public data set and measured on its official test split, from the download on.

Each step is one command of the package, which is printed. What is there already is not made again, so a run that was
interrupted goes on. SPIDER publishes no test split; its validation split is measured, and a part of the training
patients chooses the best epoch instead.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from utility_functions.datasets.public_sets import PUBLIC_SETS

ROOT = Path(__file__).resolve().parents[1]
HOLD_OUT = ("--hold-out", "0.15")
Runner: TypeAlias = Callable[[Sequence[str]], int]
"""Runs the words behind ``python`` and returns the exit code."""


@dataclass(frozen=True)
class System:
    """A published system: its tasks in the order in which they run, each with its preset; models it needs besides."""

    presets: Mapping[str, str]
    after: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "presets", MappingProxyType(dict(self.presets)))


SYSTEMS = {
    "verse": {
        "two_stages": System({"detection": "paper", "identification": "paper"}),
        "coarse_to_fine": System({"spine_heatmap": "paper", "vertebra_heatmaps": "paper", "vertebra_masks": "paper"}),
        "iterative": System({"instances": "paper"}),
    },
    "spider": {
        "multiclass": System({"multiclass_mr": "paper"}),
        "iterative": System({"instances": "spider"}, after=("multiclass_mr",)),
    },
}


@dataclass(frozen=True)
class Options:
    """What is added to every command of a kind; preset: instead of those of the systems."""

    samples: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    measuring: tuple[str, ...] = ()
    preset: str = ""


def systems_of(name: str) -> Mapping[str, System]:
    """The systems that are trained on a data set."""
    return SYSTEMS["spider" if name == "spider" else "verse"]


def steps(name: str, data: Path, output: Path, chosen: Sequence[str], options: Options) -> list[list[str]]:
    """The commands in their order, as the words behind ``python``.

    Samples that are there are not cut again; training and measuring skip by themselves what is done.
    """
    found = [["-m", "utility_functions.datasets", name, str(data)]]
    about = f"{PUBLIC_SETS[name].title}, {PUBLIC_SETS[name].licence}"
    for system_name in chosen:
        system = systems_of(name)[system_name]
        for task, preset in system.presets.items():
            files = {part: output / f"{task}_{part}.h5" for part in ("training", "validation")}
            for part, path in files.items():
                which = ["--preset", options.preset or preset, *_part(name, part), "--skip-errors", *options.samples]
                if not path.exists():
                    found.append(["generate_samples.py", task, str(data), str(path), *which])
            paths = [*map(str, files.values()), str(output / f"{task}.h5")]
            found.append(["train.py", *paths, "--resume", "--about", about, *options.training])
        models = [str(output / f"{task}.h5") for task in (*system.after, *system.presets)]
        place = ["--split", _tested(name), "--output", str(output / f"results_{system_name}"), "--skip-existing"]
        found.append(["measure.py", str(data), *models, *place, *options.measuring])
    return found


def _part(name: str, part: str) -> list[str]:
    """The options that choose the scans of the training or validation samples."""
    return ["--split", "training", *HOLD_OUT, "--part", part] if name == "spider" else ["--split", part]


def _tested(name: str) -> str:
    return "validation" if name == "spider" else "testing"


def run_all(commands: Sequence[Sequence[str]], run: Runner) -> int:
    """Run the commands until one fails; returns its exit code, else 0."""
    for number, command in enumerate(commands, start=1):
        print(f"\n== {number} of {len(commands)}: python {shlex.join(command)} ==", flush=True)
        if code := run(command):
            print(f"error: this step ended with exit code {code}.", file=sys.stderr)
            return code
    return 0


def _as_process(command: Sequence[str]) -> int:
    """A process of its own, so that the next step finds the memory of the GPU free."""
    return subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode


def main(argv: list[str] | None = None, run: Runner = _as_process) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments public_training", description=__doc__)
    parser.add_argument("name", choices=PUBLIC_SETS, help="the data set")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder of the scans (default: data/NAME)")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="folder to write to (default: models/NAME)")
    parser.add_argument("--systems", nargs="+", metavar="SYSTEM", help="only these (default: all of the data set)")
    parser.add_argument("--preset", default="", help="instead of the published ones")
    for kind, script in (("samples", "generate_samples.py"), ("training", "train.py"), ("measuring", "measure.py")):
        text = f"more options for {script}, in one word"
        parser.add_argument(f"--{kind}", default="", metavar="OPTIONS", help=text)
    arguments = parser.parse_args(argv)
    known = systems_of(arguments.name)
    chosen = arguments.systems or list(known)
    if unknown := [each for each in chosen if each not in known]:
        parser.error(f"the systems of {arguments.name} are {', '.join(known)}. Received: {unknown[0]}.")
    data = (arguments.data or ROOT / "data" / arguments.name).absolute()
    output = (arguments.output or ROOT / "models" / arguments.name).absolute()
    options = Options(
        samples=tuple(shlex.split(arguments.samples)),
        training=tuple(shlex.split(arguments.training)),
        measuring=tuple(shlex.split(arguments.measuring)),
        preset=arguments.preset,
    )
    return run_all(steps(arguments.name, data, output, chosen, options), run)


if __name__ == "__main__":
    sys.exit(main())
