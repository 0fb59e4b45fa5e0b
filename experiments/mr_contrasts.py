"""One network for CT, T1 and T2 against one network for each.

python -m experiments mr_contrasts [--folder contrasts]

All learn vertebrae, discs and canal (multiclass_mr) from the same number of phantoms, in the same number of steps. A
network for one contrast learns from phantoms of that contrast, with standard augmentation. The contrast-agnostic
network learns from CT, T1 and T2 in turn, half of them re-synthesised from the tissues (--augment synth). Each network
is measured on other phantoms of its own contrasts. Samples, models and results in --folder are reused, so that an
interrupted run resumes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.scripts import run_script
from utility_functions.phantom.phantom_request import ANY
from utility_functions.phantom.scanner import KINDS
from utility_functions.reporting.tables import MISSING, text_table

TRAINING_SEED, VALIDATION_SEED, TESTING_SEED = 11, 12, 901
AUGMENT = {ANY: "synth"}
CLASSES = ("vertebra", "disc", "canal")
HEADER = ("network for", "scans", *(f"{name} Dice" for name in CLASSES), "vertebrae", "found", "false")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments mr_contrasts", description=__doc__)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--phantoms", type=int, default=200, help="for training (default: 200)")
    parser.add_argument("--validation", type=int, default=40, help="phantoms that choose the best epoch (default: 40)")
    parser.add_argument("--scans", type=int, default=20, help="to measure, of each contrast (default: 20)")
    parser.add_argument("--epochs", type=int, help="of each training (default: as the preset says)")
    parser.add_argument("--folder", type=Path, default=Path("contrasts"))
    parser.add_argument("--workers", type=int, help="processes that cut samples (default: one per core)")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, ...]] = []
    try:
        for kind in (ANY, *reversed(KINDS)):
            model = trained(arguments, kind)
            for measured in KINDS if kind == ANY else (kind,):
                rows.append(row(kind, measured, measured_on(arguments, model, measured)))
                print(text_table(pd.DataFrame(rows, columns=HEADER), left=2), flush=True)
    except subprocess.CalledProcessError as error:
        print(f"error: {Path(error.cmd[1]).name} ended with exit code {error.returncode}.", file=sys.stderr)
        return 2
    return 0


def trained(arguments: argparse.Namespace, kind: str) -> Path:
    """The model for a contrast, trained unless the file exists."""
    folder, model = arguments.folder, arguments.folder / f"{kind}.h5"
    samples = []
    for part, count, seed in (
        ("training", arguments.phantoms, TRAINING_SEED),
        ("validation", arguments.validation, VALIDATION_SEED),
    ):
        samples.append(folder / f"{kind}_{part}_{count}.h5")
        if not samples[-1].exists():
            workers = () if arguments.workers is None else ("--workers", str(arguments.workers))
            options = ("--preset", arguments.preset, "--seed", str(seed), *workers)
            run_script("generate_samples.py", "multiclass_mr", f"phantom:{count}:{kind}", samples[-1], *options)
    if not model.exists():
        epochs = () if arguments.epochs is None else ("--epochs", str(arguments.epochs))
        run_script("train.py", *samples, model, "--augment", AUGMENT.get(kind, "standard"), *epochs, "--resume")
    return model


def measured_on(arguments: argparse.Namespace, model: Path, kind: str) -> list[dict[str, Any]]:
    """The summary of structures on held-out phantoms of a contrast, as results.json holds it."""
    results = arguments.folder / f"{model.stem}_on_{kind}"
    scans = f"phantom:{arguments.scans}:{kind}:seed={TESTING_SEED}"
    run_script("measure.py", scans, model, "--output", results, "--skip-existing")
    summary: list[dict[str, Any]] | None = json.loads((results / "results.json").read_text())["structures"]
    return summary or []


def row(kind: str, measured: str, summary: list[dict[str, Any]]) -> tuple[str, ...]:
    """The cells under HEADER: mean Dice of each class, and the numbers of all, found and false vertebrae."""
    by_structure = {each["structure"]: each for each in summary}
    dice = [by_structure.get(name, {}).get("dice") for name in CLASSES]
    counts = [by_structure.get("vertebra", {}).get(name) for name in ("instances", "found", "false")]
    figures = (MISSING if value is None else f"{value:.3f}" for value in dice)
    return (
        "any contrast" if kind == ANY else kind,
        measured,
        *figures,
        *(MISSING if count is None else str(count) for count in counts),
    )


if __name__ == "__main__":
    sys.exit(main())
