"""The whole draw, or parts of it, and the tables in docs/results/hardening.md; exit code 1 where there was a fault."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hardening.disturbed_runs import KINDS, draw_disturbances
from hardening.hostile_draw import draw_hostile
from hardening.input_draw import draw_inputs
from hardening.killed_runs import SIGNALS, draw_kills
from hardening.orientations import all_places
from hardening.results_table import hostile_text, inputs_text, places_text, runs_text, write_page
from hardening.script_jobs import SCRIPTS

SIGNAL_NAMES = tuple(dict.fromkeys(one.name for one in SIGNALS))
PARTS = ("orientations", "inputs", "hostile", "kills", "disturbances")


def main(argv: list[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m hardening", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, metavar="N", help="broken inputs (default: 10000)")
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="runs ended by signals (default: 200)")
    parser.add_argument(
        "--disturbances", type=int, default=60, metavar="N", help="runs disturbed otherwise (default: 60)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same (default: 1)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--scripts", nargs="+", choices=SCRIPTS, default=SCRIPTS, help="disturbed (default: all)")
    parser.add_argument("--signals", nargs="+", choices=SIGNAL_NAMES, help="that end runs (default: half by SIGKILL)")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="that read inputs (default: 2)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of disturbances (default: all)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep the inputs that are faults")
    parser.add_argument("--input-kind", default="", metavar="NAME", help="only inputs whose name begins so")
    parser.add_argument("--without-keras", action="store_true", help="no models and checkpoints among the inputs")
    parser.add_argument("--write", action="store_true", help="write docs/results/hardening.md")
    arguments = parser.parse_args(given)
    started = time.perf_counter()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    texts, faults = [], 0
    for part in PARTS:
        if part in arguments.parts:
            with tempfile.TemporaryDirectory(prefix="hardening.") as folder:
                text, wrong = _PARTS[part](Path(folder), arguments)
            texts.append(text)
            faults += wrong
            print(f"\n{text}\n", flush=True)
    if arguments.write:
        write_page(texts, " ".join(["python -m hardening", *given]), time.perf_counter() - started)
    print(f"{faults} faults in {time.perf_counter() - started:.0f} s")
    return 1 if faults else 0


def _orientations(folder: Path, arguments: argparse.Namespace) -> tuple[str, int]:
    places = list(all_places(folder))
    for one in places:
        if not one.right:
            print(f"fault: {one}")
    return places_text(places), sum(not one.right for one in places)


def _inputs(folder: Path, arguments: argparse.Namespace) -> tuple[str, int]:
    draw = draw_inputs(
        arguments.inputs,
        arguments.seed,
        folder,
        keras=not arguments.without_keras,
        processes=arguments.processes,
        kept=arguments.keep,
        only=arguments.input_kind,
        tell=_tell,
    )
    return inputs_text(draw), len(draw.faults)


def _hostile(folder: Path, arguments: argparse.Namespace) -> tuple[str, int]:
    outcomes = draw_hostile(folder, _tell, keras=not arguments.without_keras)
    return hostile_text(outcomes), sum(not one.refused for one in outcomes)


def _kills(folder: Path, arguments: argparse.Namespace) -> tuple[str, int]:
    runs = draw_kills(
        folder,
        arguments.kills,
        arguments.seed,
        _tell,
        arguments.scripts,
        [signal.Signals[name] for name in arguments.signals] if arguments.signals else SIGNALS,
    )
    return runs_text("Ends by signals", runs), sum(bool(one.wrong) for one in runs)


def _disturbances(folder: Path, arguments: argparse.Namespace) -> tuple[str, int]:
    runs = draw_disturbances(folder, arguments.disturbances, arguments.seed, _tell, arguments.scripts, arguments.kinds)
    return runs_text("Disks, folders, inputs, pairs, clocks", runs), sum(bool(one.wrong) for one in runs)


_tell = partial(print, "fault:", flush=True)
_PARTS: dict[str, Callable[[Path, argparse.Namespace], tuple[str, int]]] = {
    "orientations": _orientations,
    "inputs": _inputs,
    "hostile": _hostile,
    "kills": _kills,
    "disturbances": _disturbances,
}

if __name__ == "__main__":
    sys.exit(main())
