"""A draw of broken inputs: each is read in a watched process; a hang, a crash or a traceback is a fault."""

from __future__ import annotations

import contextlib
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hardening.corpus import write_corpus
from hardening.reading_process import FAULT, Outcome, serve
from hardening.sound_input import SoundInput

MOST_SECONDS = 60.0
"""An input that takes longer counts as a hang."""
SECONDS_TO_START = 300.0


@dataclass
class InputDraw:
    """All outcomes of a draw."""

    outcomes: list[Outcome]

    def counts(self) -> dict[str, Counter[str]]:
        """How many were answered, refused and faults, by the kind of input."""
        found: dict[str, Counter[str]] = {}
        for one in self.outcomes:
            found.setdefault(one.name, Counter())[one.kind] += 1
        return found

    @property
    def faults(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.kind == FAULT]


def draw_inputs(
    count: int,
    seed: int,
    folder: Path,
    keras: bool = True,
    processes: int = 2,
    kept: Path | None = None,
    only: str = "",
    tell: Callable[[str], None] = lambda text: None,
) -> InputDraw:
    """Read ``count`` broken inputs. Inputs that need TensorFlow are read by a process of their own.

    kept: a folder for the inputs that are faults. only: the beginning of the names of the inputs to draw.
    """
    sounds = [sound for sound in write_corpus(folder, keras) if sound.name.startswith(only)]
    tasks: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    for number, place in enumerate(places_of(sounds, count, seed)):
        tasks[sounds[place].keras].append((number, place))
    jobs = [*(tasks[False][part :: max(processes, 1)] for part in range(max(processes, 1))), tasks[True]]
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in as_completed([pool.submit(_work, sounds, each, seed, folder, kept, tell) for each in jobs if each]):
            outcomes += done.result()
    return InputDraw(sorted(outcomes, key=lambda one: one.number))


def places_of(sounds: Sequence[SoundInput], count: int, seed: int) -> list[int]:
    """Which of the inputs each number of a draw changes."""
    weights = np.array([sound.weight for sound in sounds])
    return [int(place) for place in np.random.default_rng(seed).choice(len(sounds), count, p=weights / weights.sum())]


def _work(
    sounds: Sequence[SoundInput],
    tasks: Sequence[tuple[int, int]],
    seed: int,
    folder: Path,
    kept: Path | None,
    tell: Callable[[str], None],
) -> list[Outcome]:
    """The outcomes of some tasks, read by one process at a time; one that hangs or crashes is replaced."""
    there = sorted({place for _, place in tasks})
    mine = [sounds[place] for place in there]
    where = {place: n for n, place in enumerate(there)}
    outcomes = []
    process: Any = None
    for number, place in tasks:
        if process is None:
            process = _Watched(mine, seed, folder)
        started = time.perf_counter()
        try:
            outcome = process.outcome((number, where[place], kept))
        except _Ended as ended:
            sound = mine[where[place]]
            outcome = Outcome(number, sound.name, "", FAULT, str(ended), time.perf_counter() - started, 0)
            process = None
        if outcome.kind == FAULT:
            tell(f"{outcome.number} {outcome.name} [{outcome.mutation}]: {outcome.what}")
        outcomes.append(outcome)
    if process is not None:
        process.end()
    return outcomes


class _Ended(Exception):
    """The process hung or crashed."""


class _Watched:
    """A reading process and its pipe."""

    def __init__(self, sounds: list[SoundInput], seed: int, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".log", delete=False) as log:
            self._process = context.Process(target=serve, args=(theirs, sounds, seed, Path(log.name)), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(SECONDS_TO_START):
            self.end()
            raise RuntimeError("A reading process did not start.")
        self._pipe.recv()

    def outcome(self, task: tuple[int, int, Path | None]) -> Outcome:
        self._pipe.send(task)
        if not self._pipe.poll(MOST_SECONDS):
            self._process.kill()
            self._process.join()
            raise _Ended(f"hang: no answer in {MOST_SECONDS:.0f} s")
        try:
            found: Outcome = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise _Ended(f"crash: the process ended with {self._process.exitcode}") from None
        return found

    def end(self) -> None:
        if self._process.is_alive():
            with contextlib.suppress(OSError):
                self._pipe.send(None)
            self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
