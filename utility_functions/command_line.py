"""What the three scripts share: parsing, logging, and errors that end in one clear line and exit code 2."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable

BAD_INPUT = 2
INTERRUPTED = 130


def run_command(
    parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], argv: list[str] | None
) -> int:
    """Parse ``argv``, run, and return the exit code: 0 well, 2 bad input, 130 interrupted, else as ``run`` says."""
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        return run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; what was finished is kept.\n")
        return INTERRUPTED
    except (ValueError, OSError, MemoryError) as error:
        if arguments.debug:
            raise
        sys.stderr.write(f"error: {one_line(error)}\n")
        return BAD_INPUT


def one_line(error: BaseException) -> str:
    """The error in one line, with the name of its kind where it says nothing itself."""
    return " ".join(str(error).split()) or type(error).__name__
