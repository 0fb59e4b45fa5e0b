"""Runs the benchmarks of this folder, or only the named ones, each in its own process."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(argv: Sequence[str] | None = None) -> int:
    modules = {path.stem.removeprefix("bench_"): path.stem for path in sorted(HERE.glob("bench_*.py"))}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(modules)} (default: all)")
    names = parser.parse_args(argv).names or list(modules)
    if unknown := [name for name in names if name not in modules]:
        parser.error(f"There is no benchmark {', '.join(unknown)}; the benchmarks are {', '.join(modules)}")
    failed = []
    for number, name in enumerate(names, start=1):
        print(f"== {number} of {len(names)}: {name} ==", flush=True)
        started = time.perf_counter()
        finished = subprocess.run([sys.executable, "-m", f"benchmarks.{modules[name]}"], cwd=HERE.parent, check=False)
        if finished.returncode != 0:
            failed.append(name)
        print(f"   ({time.perf_counter() - started:.0f} s)", flush=True)
    if failed:
        print(f"These benchmarks failed to run: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
