"""False alarms on painted CTs without a spine, and names in fields that show little of one.

python -m experiments small_fields [--scans 50] [--fields 10] [--only WORDS] [--pictures FOLDER]

Scans without a spine: kinds of utility_functions/phantom/spineless.py in turn; any vertebra there is a false alarm.
Little of a spine: 4 cm of it, two vertebrae, half of each body (left or right), a sacrum alone. sure: named without a
range; a sure name that is wrong is the worst. in range: told as a range of levels that holds the true one.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.phantom.scanner import Boxed, PhantomScan, make_phantom
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.spineless import SPINELESS, painted_spineless
from utility_functions.phantom.torso import Torso
from utility_functions.records.findings import Findings
from utility_functions.reporting.tables import text_table

SEED = 2401
NEAR_MM = 20.0
SPACING_MM = 1.0
Corners = tuple[NDArray[np.float64], NDArray[np.float64]]


def _round(points: NDArray[np.float64], low_z: float, high_z: float) -> Corners:
    low, high = points.min(axis=0) - np.array((60, 75, 0)), points.max(axis=0) + np.array((60, 60, 0))
    return np.array([*low[:2], low_z]), np.array([*high[:2], high_z])


def four_cm(rng: np.random.Generator) -> Boxed:
    """40 mm of a spine, at any height."""
    place = rng.random()

    def box(spine: Spine, torso: Torso) -> Corners:
        centres = spine.centres[1:]
        z = centres[-1, 2] + place * (centres[0, 2] - centres[-1, 2])
        return _round(centres[np.abs(centres[:, 2] - z) < 45], z - 20, z + 20)

    return box


def two_vertebrae(rng: np.random.Generator) -> Boxed:
    """From the top of a vertebra to the bottom of the next."""
    place = rng.random()

    def box(spine: Spine, torso: Torso) -> Corners:
        names = [name for name in spine.names if name[0] in "CTL" and name not in ("C1", "C2")][:-1]
        upper = names[int(place * len(names))]
        lower = spine.names[spine.names.index(upper) + 1]
        points = np.array([spine[name].frame.origin for name in (upper, lower)])
        half = (points[0, 2] - points[1, 2]) / 2
        return _round(points, points[1, 2] - half, points[0, 2] + half)

    return box


def half_bodies(rng: np.random.Generator) -> Boxed:
    """150 mm of a spine, of which the right or the left half of the bodies is shown."""
    place, right = rng.random(), rng.random() < 0.5

    def box(spine: Spine, torso: Torso) -> Corners:
        centres = spine.centres[1:]
        z = centres[-1, 2] + place * (centres[0, 2] - centres[-1, 2])
        near = centres[np.abs(centres[:, 2] - z) < 75]
        low, high = _round(near, z - 75, z + 75)
        low[0], high[0] = (near[:, 0].min() - 4, high[0]) if right else (low[0], near[:, 0].max() + 4)
        return low, high

    return box


def sacrum_alone(rng: np.random.Generator) -> Boxed:
    """From the upper end plate of S1 down."""
    beyond = rng.uniform(0, 60)

    def box(spine: Spine, torso: Torso) -> Corners:
        top = np.asarray(spine["S1"].frame.origin)
        low = top + np.array([-75.0 - beyond, -110, -130])
        return low, top + np.array([75.0 + beyond, 70, 8])

    return box


FIELDS = {"4 cm": four_cm, "two vertebrae": two_vertebrae, "half bodies": half_bodies, "sacrum alone": sacrum_alone}


@dataclass
class Count:
    """Of a kind of field: scans, names given, and how they compare with the truth."""

    scans: int = 0
    shown: int = 0
    named: int = 0
    sure: int = 0
    right: int = 0
    sure_and_wrong: int = 0
    in_range: int = 0
    none_near: int = 0

    def add(self, found: Findings, scan: PhantomScan) -> None:
        self.scans += 1
        truth = scan.landmarks
        self.shown += len(truth.only(set(LEVELS) - {"S1", "S2"}))
        landmarks = found.landmarks
        for name, point in [] if landmarks is None else landmarks:
            if name is None or name.startswith("S"):
                continue
            self.named += 1
            away = np.linalg.norm(truth.points_mm - point, axis=1) if len(truth) else np.array([np.inf])
            true = truth.names[int(away.argmin())] if away.min() < NEAR_MM else None
            ranges: Mapping[str, tuple[str, str]] = {} if found.naming is None else found.naming.ranges
            self.none_near += true is None
            self.right += true == name
            if name not in ranges:
                self.sure += 1
                self.sure_and_wrong += true != name
            elif true is not None:
                upper, lower = (LEVELS.index(level) for level in ranges[name])
                self.in_range += upper <= LEVELS.index(true) <= lower


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m experiments small_fields",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--scans", type=int, default=50, help="painted scans without a spine (default: 50)")
    parser.add_argument("--fields", type=int, default=10, help="scans of each small field (default: 10)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of all painting (default: {SEED})")
    parser.add_argument("--only", default="", help="only kinds with these words in their names")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each scan")
    arguments = parser.parse_args(argv)

    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.measure.outputs import findings_figure
    from learning_functions.predict.pipeline import load_models, run_models
    from utility_functions.geometry.volume import Volume
    from utility_functions.reporting.pictures import write_figure

    models = load_models()

    def run(volume: Volume, name: str) -> Findings:
        found = run_models(models, volume, name)
        if arguments.pictures is not None:
            write_figure(findings_figure(found, volume), arguments.pictures / f"{name}.png")
        return found

    def drawn(place: int, kind: int) -> np.random.Generator:
        return np.random.default_rng([arguments.seed, kind, place])

    kinds = list(SPINELESS)
    scans, alarms = Counter[str](), Counter[str]()
    for place in range(arguments.scans):
        kind = kinds[place % len(kinds)]
        if arguments.only not in kind:
            continue
        found = run(painted_spineless(kind, drawn(place, 0)), f"{kind.replace(' ', '_')}_{place}")
        names = () if found.landmarks is None else found.landmarks.names
        masks = 0 if found.instances is None else len(np.unique(found.instances.voxels)) - 1
        scans[kind] += 1
        alarms[kind] += bool(names) or masks > 0
        if names or masks:
            words = [f"{name} {found.naming.posterior.get(name, 0):.2f}" for name in names if found.naming and name]
            print(f"false alarm in {kind} {place}: {', '.join(words)}; {masks} masks", flush=True)
    rows = [(kind, scans[kind], alarms[kind]) for kind in kinds if scans[kind]]
    if rows:
        print(text_table(pd.DataFrame(rows, columns=["shows", "scans", "false alarms"]), left=1))
        print(f"false alarms: {sum(alarms.values())} of {sum(scans.values())} scans without a spine\n", flush=True)

    table = []
    for number, (kind, boxed) in enumerate(FIELDS.items(), start=1):
        count = Count()
        for place in range(arguments.fields if arguments.only in kind else 0):
            rng = drawn(place, number)
            scan = make_phantom(rng, kind, None, SPACING_MM, "RAS", boxed=boxed(rng))
            name = f"{kind.replace(' ', '_')}_{place}"
            found = run(scan.volume, name)
            count.add(found, scan)
            told = [] if found.naming is None else [found.naming.in_words(level) for level in found.naming.posterior]
            print(
                f"{name}: true {', '.join(map(str, scan.landmarks.names))}; told {', '.join(told) or 'none'}",
                flush=True,
            )
        if count.scans:
            table.append((kind, *vars(count).values()))
    if table:
        heads = ["field", "scans", "vertebrae", "named", "sure", "right", "sure and wrong", "in range", "none near"]
        print(text_table(pd.DataFrame(table, columns=heads), left=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
