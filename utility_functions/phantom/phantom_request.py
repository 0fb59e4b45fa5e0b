"""Phantoms asked for in words ("phantom:2000:lumbar"): which ones they are, and each painted when it is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from utility_functions.geometry.grid import direction_matrix

if TYPE_CHECKING:
    from utility_functions.phantom.scanner import PhantomScan

PREFIX = "phantom:"
MOST = 1_000_000
ANY = "any"
"""In place of a kind: CT, T1 and T2 by turns, for networks of any contrast."""
STREAM = 2**30
"""Sets these phantoms apart from those that a data set on disk is made of by the same seed."""


@dataclass(frozen=True)
class PhantomRequest:
    """One phantom: number ``number`` of those of ``seed``; region None where it is drawn too; kind one of KINDS.

    Neither how many others are asked for nor the lattice nor the kind changes the patient; another seed gives other
    patients.
    """

    seed: int
    number: int
    region: str | None = None
    kind: str = "ct"

    @property
    def name(self) -> str:
        words = (self.patient, self.region, None if self.kind == "ct" else self.kind)
        return "-".join(word for word in words if word is not None)

    @property
    def patient(self) -> str:
        return f"phantom-{self.seed}-{self.number:06d}"

    @property
    def words(self) -> str:
        """The words that ask for this phantom alone."""
        options = [] if self.region is None else [self.region]
        return ":".join([f"{PREFIX}1", *options, self.kind, f"seed={self.seed}", f"from={self.number}"])

    def painted(self, spacing_mm: Sequence[float] | None = None, axcodes: str | None = None) -> PhantomScan:
        """The scan, at a spacing along the axes of ``axcodes`` (RAS without it); drawn where not given."""
        from utility_functions.phantom.scanner import make_phantom  # who reads files loads no phantom

        if spacing_mm is not None and axcodes is not None:
            along = np.abs(direction_matrix(axcodes)).argmax(axis=0)
            spacing_mm = [spacing_mm[int(place)] for place in np.argsort(along)]
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(STREAM, self.number)))
        return make_phantom(rng, self.name, self.region, spacing_mm, axcodes, self.kind)


def asked_for(words: str, seed: int) -> list[PhantomRequest]:
    """The phantoms that ``phantom:N`` means.

    A region, a kind (or ANY), ``seed=N`` (instead of ``seed``) and ``from=N`` (the number of the first, else 0) may
    stand behind further colons.
    Raises: ValueError, in one sentence, for other words.
    """
    from utility_functions.phantom.scanner import KINDS, REGIONS

    count, *options = words.removeprefix(PREFIX).split(":")
    if not (words.startswith(PREFIX) and count.isdecimal() and 1 <= int(count) <= MOST):
        raise ValueError(f"Phantoms are asked for as phantom:N, with N from 1 to {MOST}. Received: {words}.")
    kinds: tuple[str, ...] = KINDS[:1]
    asked = PhantomRequest(seed, 0)
    for option in options:
        if option in REGIONS:
            asked = replace(asked, region=option)
        elif option in KINDS:
            kinds = (option,)
        elif option == ANY:
            kinds = KINDS
        elif option.startswith("seed=") and option[5:].isdecimal():
            asked = replace(asked, seed=int(option[5:]))
        elif option.startswith("from=") and option[5:].isdecimal() and int(option[5:]) <= MOST:
            asked = replace(asked, number=int(option[5:]))
        else:
            raise ValueError(
                f"Behind phantom:N stands seed=N, from=N, a kind ({', '.join((*KINDS, ANY))}) or a region "
                f"({', '.join(REGIONS)}). Received: {option!r} in {words}."
            )
    if asked.seed < 0:
        raise ValueError(f"A seed is zero or above. Received: {asked.seed}.")
    numbers = range(asked.number, asked.number + int(count))
    return [replace(asked, number=number, kind=kinds[number % len(kinds)]) for number in numbers]
