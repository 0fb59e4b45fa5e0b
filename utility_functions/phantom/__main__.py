"""Makes a data set of phantom spine scans, CT or MR: python -m utility_functions.phantom OUT --scans 12 --seed 1."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

EPILOG = """\
Each scan gives five files: NAME.nii.gz (CT in HU, MR on any scale), NAME_labels.nii.gz (VerSe ids, or SPIDER's
numbers), NAME_tissues.nii.gz (tissue per voxel), NAME.lml and NAME_centroids.json (body centres); manifest.csv names
them all and parts them into training, validation and testing. Spine, body, field of view, spacing and storage
orientation are drawn at random; the same seed gives the same scans on any number of workers, and the same patients
in every kind.
"""


def _number(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"a number of at least 1 is needed. Received: {text}.")
    return value


_number.__name__ = "number"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line and exit code 2, without the usage that hides it."""
        self.exit(2, f"error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line on stderr for bad arguments."""
    parser = _Parser(
        prog="python -m utility_functions.phantom",
        description="Make synthetic CT or MR scans of the spine with label maps and body centres.",
        epilog=EPILOG,
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="folder to write to; made where it is missing")
    parser.add_argument("--scans", type=_number, default=12, metavar="N", help="number of scans (default: 12)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="what all randomness comes from (default: 1)")
    parser.add_argument("--workers", type=_number, metavar="N", help="processes (default: one per processor)")
    parser.add_argument("--region", metavar="NAME", help="field of view of every scan; drawn per scan when not given")
    parser.add_argument(
        "--split", metavar="NAME", help="training, validation or testing: of every scan (default: 60, 15 and 25 %%)"
    )
    parser.add_argument("--kind", default="ct", metavar="NAME", help="ct, mr-t1 or mr-t2 (default: ct)")
    parser.add_argument(
        "--labels", default="verse", metavar="CODE", help="verse, or spider: with discs and canal (default: verse)"
    )
    arguments = parser.parse_args(argv)

    from utility_functions.files.phantom_dataset import write_phantoms  # after the arguments: --help answers at once

    try:
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
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
