"""python -m hardening: the whole draw, and the table in docs/results/hardening.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from hardening.input_draw import draw_inputs


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m hardening", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="broken inputs to draw (default: 10000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the inputs that are faults")
    parser.add_argument("--input-kind", default="", help="only inputs whose name begins so")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--without-keras", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        draw = draw_inputs(
            arguments.inputs,
            arguments.seed,
            Path(folder),
            keras=not arguments.without_keras,
            kept=arguments.keep,
            processes=arguments.processes,
            only=arguments.input_kind,
            tell=lambda text: print(text, flush=True),
        )
    for name, counts in sorted(draw.counts().items()):
        print(name, dict(counts))
    print("slowest", max(draw.outcomes, key=lambda one: one.seconds))
    print("largest", max(draw.outcomes, key=lambda one: one.peak))
    return 1 if draw.faults else 0


if __name__ == "__main__":
    sys.exit(main())
