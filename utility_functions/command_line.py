"""Common code of the scripts: parsing, logging, and errors that end in one clear line and exit code 2."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

BAD_INPUT = 2
INTERRUPTED = 130
MOST_LETTERS = 700
"""The middle of a longer error, which quotes a whole file, is left out."""
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands for what cannot be printed, such as a control character that an error quotes from a file."""
ENDED_FROM_OUTSIDE = {name: 128 + getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)}
"""Exit codes after signals that ask a process to end; as after Ctrl-C, what it has begun is cleared away first."""


SECONDS_TO_COME_AGAIN = 0.05


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

    def add_scheduler(self, group: argparse._ActionsContainer | None = None, works: str = "work") -> None:
        """The option that sends the work to a cluster. group: of options that exclude one another."""
        text = f"{works} on a cluster: address of dask's scheduler, or its JSON file (needs the extra 'cluster')"
        (group or self).add_argument("--scheduler", metavar="ADDRESS", help=text)

    def error(self, message: str) -> NoReturn:
        """One line and exit code 2, without the usage that hides it."""
        self.exit(BAD_INPUT, f"error: {message}\n")


def make_absolute(arguments: argparse.Namespace, *written: str) -> None:
    """Make the paths of a run on a cluster absolute, since its workers stand in other folders.

    written: the arguments that need not be there yet; others that are not there are no paths, as phantom:N is none.
    """
    if arguments.scheduler is None:
        return

    def absolute(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [absolute(name, each) for each in value]
        return value.absolute() if isinstance(value, Path) and (name in written or value.exists()) else value

    for name, value in vars(arguments).items():
        setattr(arguments, name, absolute(name, value))


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
        with _ended_cleanly():
            return run(arguments)
    except EndedFromOutside as ended:
        sys.stderr.write(f"\nEnded by {ended.name}; {interrupted}.\n")
        return ENDED_FROM_OUTSIDE[ended.name]
    except KeyboardInterrupt:
        sys.stderr.write(f"\nInterrupted; {interrupted}.\n")
        return INTERRUPTED
    except (ValueError, OSError, MemoryError) as error:
        if arguments.debug:
            raise
        sys.stderr.write(f"error: {one_line(error)}\n")
        return BAD_INPUT


class EndedFromOutside(KeyboardInterrupt):
    """Another process asked this one to end; ``name`` is that of the signal."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@contextmanager
def _ended_cleanly() -> Iterator[None]:
    """Signals that ask to end raise EndedFromOutside in the block; one that is ignored or handled already stays so.

    Where Python was within a callback whose errors it ignores, the signal, or Ctrl-C, comes again a moment later.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> NoReturn:
        for name in taken:
            signal.signal(getattr(signal, name), signal.SIG_IGN)  # a second one disturbs no clearing away
        raise EndedFromOutside(signal.Signals(number).name)

    def ignored(problem: Any) -> None:
        if not isinstance(problem.exc_value, KeyboardInterrupt):
            before(problem)
            return
        name = problem.exc_value.name if isinstance(problem.exc_value, EndedFromOutside) else "SIGINT"
        if name in taken:
            signal.signal(getattr(signal, name), end)
        again = threading.Timer(SECONDS_TO_COME_AGAIN, _send_to_main_thread, (getattr(signal, name),))
        again.daemon = True
        again.start()

    before = sys.unraisablehook
    taken = [name for name in ENDED_FROM_OUTSIDE if signal.getsignal(getattr(signal, name)) is signal.SIG_DFL]
    for name in taken:
        signal.signal(getattr(signal, name), end)
    sys.unraisablehook = ignored
    try:
        yield
    finally:
        sys.unraisablehook = before
        for name in taken:
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def _send_to_main_thread(number: int) -> None:
    """A signal that wakes the main thread, where the system can address it."""
    if sys.platform != "win32":
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)


def one_line(error: BaseException) -> str:
    """The error in one printable line, with the name of its kind where it says nothing itself."""
    text = " ".join(str(error).split()) or type(error).__name__
    if len(text) > MOST_LETTERS:
        text = f"{text[: 2 * MOST_LETTERS // 3]} ... {text[-MOST_LETTERS // 4 :]}"
    return "".join(letter if letter.isprintable() else UNPRINTABLE for letter in text)


def usable_processors() -> int:
    """Processors that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
