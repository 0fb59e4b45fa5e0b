"""Downloads a public data set: python -m utility_functions.datasets verse19|verse20|spider FOLDER."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from utility_functions.command_line import Parser, run_command
from utility_functions.datasets.public_sets import PUBLIC_SETS, PublicSet

EXAMPLES = """examples:
  python -m utility_functions.datasets verse19 data/verse19
  python -m utility_functions.datasets spider data/spider --keep-archives

The folder gets the scans, manifest.csv with the official splits, and source.json with licence, citation, addresses and
hashes. A run that was interrupted goes on where it ended. A file that lies in FOLDER/archives is not downloaded.
"""


def parser(sets: Mapping[str, PublicSet] = PUBLIC_SETS) -> argparse.ArgumentParser:
    """The options."""
    found = Parser("python -m utility_functions.datasets", "Download, unpack and check a public data set.", EXAMPLES)
    found.add_argument("name", choices=sets, help="the data set")
    found.add_argument("folder", metavar="FOLDER", type=Path, help="folder to write to; made where it is missing")
    found.add_argument("--keep-archives", action="store_true", help="keep what was downloaded once it is unpacked")
    found.add_argument("--skip-errors", action="store_true", help="exit code 0 even if scans are missing or left out")
    return found


def main(argv: Sequence[str] | None = None, sets: Mapping[str, PublicSet] = PUBLIC_SETS) -> int:
    """Exit code 0, or 2 where the data set cannot be had or is not complete."""

    def run(arguments: argparse.Namespace) -> int:
        from utility_functions.datasets.obtaining import obtain  # after the arguments: --help answers at once

        public = sets[arguments.name]
        _say(f"{public.title}: {public.page}", f"Licence: {public.licence}", f"Cite: {public.citation}.")
        found = obtain(public, arguments.folder, keep_archives=arguments.keep_archives)
        for file in found.files:
            known = "as published" if file.published else "recorded here; none is published"
            _say(f"{file.name}: {file.bytes} bytes, SHA-256 {file.sha256} ({known})")
        counts = ", ".join(f"{count} for {split}" for split, count in found.scans.items())
        _say(f"{len(found.cases)} scans ({counts}): {arguments.folder / 'manifest.csv'}")
        for problem in found.problems:
            sys.stderr.write(f"{'note' if arguments.skip_errors else 'error'}: {problem}.\n")
        return 2 if found.problems and not arguments.skip_errors else 0

    return run_command(parser(sets), run, argv, "what has arrived is kept")


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
