"""Runs every bench_*.py of this folder in turn, each in a process of its own; names given run only those."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(argv: list[str] | None = None) -> int:
    there = {path.stem.removeprefix("bench_"): path.stem for path in sorted(HERE.glob("bench_*.py"))}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(there)} (default: all)")
    names = parser.parse_args(argv).names or list(there)
    if unknown := [name for name in names if name not in there]:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(there)}")
    broken = []
    for place, name in enumerate(names, start=1):
        print(f"== {place} of {len(names)}: {name} ==", flush=True)
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{there[name]}"], cwd=HERE.parent, check=False)
        if done.returncode != 0:
            broken.append(name)
        print(f"   ({time.perf_counter() - started:.0f} s)", flush=True)
    if broken:
        print(f"These benchmarks failed to run: {', '.join(broken)}.", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
