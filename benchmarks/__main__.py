"""Runs every bench_*.py of this folder in turn, each in a process of its own; names given run only those.

real_scans (trained models on real scans), phantom_views (phantoms beside real scans, to be looked at), naming_vid (real
detections named), naming_rules (three rules on the same outputs), learning_curves (what more data bring), distillation
(students with and without a teacher), looks (single looks of an instances network), contrasts (one network for CT and
MR, or one each), real_structures (such a network on real CT and MR) and lying (patients turned against their header)
run only when named, and take options of their own: python -m benchmarks real_scans --help.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ASKED_FOR = (
    "real_scans",
    "phantom_views",
    "naming_vid",
    "naming_rules",
    "learning_curves",
    "distillation",
    "looks",
    "contrasts",
    "real_structures",
    "lying",
)


def main(argv: list[str] | None = None) -> int:
    there = {path.stem.removeprefix("bench_"): path.stem for path in sorted(HERE.glob("bench_*.py"))}
    given = sys.argv[1:] if argv is None else argv
    if given and given[0] in ASKED_FOR:
        return subprocess.run([sys.executable, "-m", f"benchmarks.{given[0]}", *given[1:]], check=False).returncode
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join([*there, *ASKED_FOR])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {known} (all but the last ten when none is given)"
    )
    names = parser.parse_args(given).names or list(there)
    unknown = [name for name in names if name not in there]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}, or it runs alone; there are {known}")
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
