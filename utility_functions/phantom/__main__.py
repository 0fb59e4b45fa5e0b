"""Makes a data set of phantom spine scans, CT or MR: python -m utility_functions.phantom OUT --scans 12 --seed 1."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from utility_functions.command_line import Parser, run_command

EPILOG = """\
Each scan gives five files: NAME.nii.gz (CT in HU, MR on any scale), NAME_labels.nii.gz (VerSe ids, or SPIDER's
numbers), NAME_tissues.nii.gz (tissue per voxel), NAME.lml and NAME_centroids.json (body centres); manifest.csv names
all of them and splits them into training, validation and testing. Spine, body, field of view, spacing and storage
orientation are random. The same seed gives the same scans with any number of workers, and the same patients in every
kind.
"""


def _number(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"The number must be at least 1. Received: {text}.")
    return value


_number.__name__ = "number"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, 2 with one line on stderr for bad arguments, or 130 where the run is interrupted."""
    parser = Parser(
        "python -m utility_functions.phantom",
        "Makes synthetic CT or MR scans of the spine, with label maps and body centres.",
        EPILOG,
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="output folder; created where it does not exist")
    parser.add_argument("--scans", type=_number, default=12, metavar="N", help="number of scans (default: 12)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all randomness (default: 1)")
    parser.add_argument("--workers", type=_number, metavar="N", help="processes (default: one per processor)")
    parser.add_argument("--region", metavar="NAME", help="field of view of every scan (default: random for each scan)")
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="split of every scan: training, validation or testing (default: 60, 15 and 25 %%)",
    )
    parser.add_argument(
        "--kind", default="ct", metavar="NAME", help="ct, mr-t1, mr-t2, mr-stir or mr-gre (default: ct)"
    )
    parser.add_argument(
        "--labels", default="verse", metavar="CODE", help="verse, or spider: with discs and canal (default: verse)"
    )
    return run_command(parser, _run, argv, "scans that were finished are kept, without a manifest")


def _run(arguments: argparse.Namespace) -> int:
    from utility_functions.files.phantom_dataset import write_phantoms  # so that --help is fast

    write_phantoms(
        arguments.out,
        arguments.scans,
        arguments.seed,
        arguments.workers,
        arguments.region,
        arguments.split,
        arguments.kind,
        arguments.labels,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
