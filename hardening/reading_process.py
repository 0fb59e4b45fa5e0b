"""A long-lived process that reads broken inputs one after another, and what became of each."""

from __future__ import annotations

import logging
import os
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from hardening.byte_mutations import changed
from hardening.entry_points import READERS, WrongAnswer
from hardening.sound_input import SoundInput
from utility_functions.command_line import one_line

BOUND_BYTES = 2**30
"""The most memory that one small input may take beyond what the process held before."""
LIMIT_BYTES = 6 * 2**30
"""The address space beyond which even a lazy allocation fails, so that the machine itself stays sound."""
MOST_LETTERS = 800
RIGHT, REFUSED, FAULT = "answered", "refused", "fault"


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    kind: RIGHT, REFUSED or FAULT. what: the sentence, or the fault with where it came from. seconds: of reading it.
    peak: bytes of memory beyond what was held before.
    """

    number: int
    name: str
    mutation: str
    kind: str
    what: str
    seconds: float
    peak: int


def outcome_of(number: int, seed: int, sound: SoundInput, expected: str | None, scratch: Path) -> tuple[Outcome, bytes]:
    """Change the input as its number and the seed say, read it, and judge the outcome; also the changed bytes."""
    rng = np.random.default_rng([seed, number])
    content = (sound.folder / sound.file).read_bytes()
    made, mutation = changed(content, rng, sound.mutations)
    path = copied(sound, scratch)
    path.unlink()
    path.write_bytes(made)
    path.chmod(0o600)
    held = reset_peak()
    started = time.perf_counter()
    kind, what = _read(sound, scratch, expected if {*mutation.split("+")} <= sound.exact and made != content else None)
    seconds, peak = time.perf_counter() - started, max(peak_bytes() - held, 0)
    if kind != FAULT and peak > BOUND_BYTES:
        kind, what = FAULT, f"memory: {peak / 2**30:.1f} GB; {what}"
    return Outcome(number, sound.name, mutation, kind, what, seconds, peak), made


def copied(sound: SoundInput, scratch: Path) -> Path:
    """The input's folder as links in ``scratch``; returns the path of the file that is changed."""
    for path in sorted(sound.folder.rglob("*")):
        place = scratch / path.relative_to(sound.folder)
        if path.is_dir():
            place.mkdir(exist_ok=True, parents=True)
        else:
            place.hardlink_to(path)
    return scratch / sound.file


def answer_of(sound: SoundInput) -> str:
    """The answer of the sound input."""
    with tempfile.TemporaryDirectory() as folder:
        copied(sound, Path(folder))
        return READERS[sound.reader](Path(folder), sound.file)


def _read(sound: SoundInput, scratch: Path, expected: str | None) -> tuple[str, str]:
    try:
        answer = READERS[sound.reader](scratch, sound.file)
    except WrongAnswer as error:
        return FAULT, f"wrong answer: {error}"
    except (ValueError, OSError, MemoryError) as error:
        return _judged(error)
    except Exception as error:  # noqa: BLE001 - every other error is a fault
        return FAULT, f"{type(error).__name__}: {' '.join(str(error).split())[:200]} at {_place(error)}"
    if expected is not None and answer != expected:
        return FAULT, "wrong answer: a file that fails its checksum was read otherwise"
    return RIGHT, ""


def _judged(error: Exception) -> tuple[str, str]:
    """Refused where it is one sentence for a user; a fault where it is none, or memory ran out."""
    text = one_line(error)
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, MemoryError):
            return FAULT, f"memory: {' '.join(str(one).split())[:150]} at {_place(one)}"
        one = one.__cause__ or one.__context__
    if len(text.split()) < 3 or len(text) > MOST_LETTERS or not _printable(text):
        return FAULT, f"no sentence: {text[:300]!r} at {_place(error)}"
    if not _raised_by_us(error):
        return FAULT, f"another's words: {type(error).__name__}: {text[:200]!r} at {_place(error)}"
    return REFUSED, text


def _printable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not re.search(r"[\x00-\x08\x0b-\x1f]", text)


def _raised_by_us(error: BaseException) -> bool:
    """Whether the error was raised in this package, not in a library that it calls; errors of the disk may be."""
    frames = traceback.extract_tb(error.__traceback__)
    return "site-packages" not in frames[-1].filename and "/lib/python" not in frames[-1].filename


def _place(error: BaseException) -> str:
    """The last line of this project in the traceback, and the last of all."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "nowhere"
    ours = [frame for frame in frames if "site-packages" not in frame.filename and "/lib/python" not in frame.filename]
    words = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in (*ours[-1:], frames[-1])]
    return " < ".join(dict.fromkeys(words))


def reset_peak() -> int:
    """Forget the peak of memory so far; returns what the process holds now, in bytes."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak_bytes()
    return _status("VmRSS")


def peak_bytes() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def serve(pipe: Connection, sounds: list[SoundInput], seed: int, log: Path) -> None:
    """Answer each (number, input) that comes through the pipe; messages of libraries go to ``log``."""
    said = log.open("ab", buffering=0)
    for stream in (1, 2):
        os.dup2(said.fileno(), stream)
    logging.basicConfig(level=logging.CRITICAL, stream=sys.stderr)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    keras = any(sound.keras for sound in sounds)
    if keras:
        from learning_functions.runtime.tensorflow_setup import start_tensorflow

        start_tensorflow()
    expected = [answer_of(sound) for sound in sounds]
    if not keras:
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    pipe.send("ready")
    while (task := pipe.recv()) is not None:
        number, place, kept = task
        before = log.stat().st_size
        with tempfile.TemporaryDirectory() as folder:
            outcome, made = outcome_of(number, seed, sounds[place], expected[place], Path(folder))
        with log.open("rb") as file:
            file.seek(before)
            if b"Traceback" in file.read() and outcome.kind != FAULT:
                outcome = Outcome(
                    *(number, outcome.name, outcome.mutation, FAULT, "a traceback on standard error"), 0, 0
                )
        if outcome.kind == FAULT and kept is not None:
            (kept / f"{number}_{Path(sounds[place].file).name}").write_bytes(made)
        pipe.send(outcome)
