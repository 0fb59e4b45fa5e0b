"""Common code of the scripts: parsing, logging, and errors that end in one clear line and exit code 2."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

BAD_INPUT = 2
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """The arguments of a script, with examples below its help; a wrong one gives one line of error."""

    def __init__(self, prog: str, description: str | None, examples: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """One line and exit code 2, without the usage that hides it."""
        self.exit(BAD_INPUT, f"error: {message}\n")


def called(prog: str) -> str:
    """What a user types for ``prog``: a script by Python, a console command by its name."""
    return f"python {prog}" if prog.endswith(".py") else prog


def run_command(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None,
    interrupted: str = "what was finished is kept",
) -> int:
    """Parse ``argv``, run, and return the exit code: 0 well, 2 bad input, 130 interrupted, else as ``run`` says.

    ``run`` also finds the whole command, as given, in ``arguments.command``.
    interrupted: what is said then of what was done.
    """
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = parser.parse_intermixed_args(given)  # models may stand behind options too
    arguments.command = [parser.prog, *given]
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        return run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write(f"\nInterrupted; {interrupted}.\n")
        return INTERRUPTED
    except (ValueError, OSError, MemoryError) as error:
        if arguments.debug:
            raise
        sys.stderr.write(f"error: {one_line(error)}\n")
        return BAD_INPUT


def one_line(error: BaseException) -> str:
    """The error in one line, with the name of its kind where it says nothing itself."""
    return " ".join(str(error).split()) or type(error).__name__


def usable_processors() -> int:
    """Processors that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
