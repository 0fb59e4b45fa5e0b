"""Phantoms requested by a text such as "phantom:2000:lumbar"; each is painted when it is needed."""

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
"""In place of a kind: CT and the contrasts of MR in turn, for contrast-agnostic networks."""
ANY_MR = "mr"
"""In place of a kind: the contrasts of MR in turn."""
STREAM = 2**30
"""Separates the random numbers of these phantoms from those of a data set on disk with the same seed."""


@dataclass(frozen=True)
class PhantomRequest:
    """One phantom, by its number and seed; region None: a random one; kind: one of KINDS.

    The patient depends on number and seed alone, not on the number of phantoms, the grid or the kind.
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
        """The text that requests this phantom alone."""
        options = [] if self.region is None else [self.region]
        return ":".join([f"{PREFIX}1", *options, self.kind, f"seed={self.seed}", f"from={self.number}"])

    def painted(self, spacing_mm: Sequence[float] | None = None, axcodes: str | None = None) -> PhantomScan:
        """The scan at a spacing along the axes of ``axcodes`` (default: RAS); both are random where they are None."""
        from utility_functions.phantom.scanner import make_phantom  # slow to import

        if spacing_mm is not None and axcodes is not None:
            along = np.abs(direction_matrix(axcodes)).argmax(axis=0)
            spacing_mm = [spacing_mm[int(place)] for place in np.argsort(along)]
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(STREAM, self.number)))
        return make_phantom(rng, self.name, self.region, spacing_mm, axcodes, self.kind)


def requested_phantoms(words: str, seed: int) -> list[PhantomRequest]:
    """The phantoms that ``phantom:N`` requests.

    A region, a kind (or ANY, ANY_MR), ``seed=N`` (in place of ``seed``) and ``from=N`` (the number of the first;
    default: 0) may follow, after colons.
    Raises: ValueError, in one sentence, for other texts.
    """
    from utility_functions.phantom.scanner import KINDS, REGIONS

    count, *options = words.removeprefix(PREFIX).split(":")
    if not (words.startswith(PREFIX) and count.isdecimal() and 1 <= int(count) <= MOST):
        raise ValueError(f"Phantoms are requested as phantom:N, with N from 1 to {MOST}. Received: {words}.")
    kinds: tuple[str, ...] = KINDS[:1]
    request = PhantomRequest(seed, 0)
    for option in options:
        if option in REGIONS:
            request = replace(request, region=option)
        elif option in KINDS:
            kinds = (option,)
        elif option == ANY:
            kinds = KINDS
        elif option == ANY_MR:
            kinds = KINDS[1:]
        elif option.startswith("seed=") and option[5:].isdecimal():
            request = replace(request, seed=int(option[5:]))
        elif option.startswith("from=") and option[5:].isdecimal() and int(option[5:]) <= MOST:
            request = replace(request, number=int(option[5:]))
        else:
            raise ValueError(
                f"After phantom:N comes seed=N, from=N, a kind ({', '.join((*KINDS, ANY_MR, ANY))}) or a region "
                f"({', '.join(REGIONS)}). Received: {option!r} in {words}."
            )
    if request.seed < 0:
        raise ValueError(f"A seed is zero or above. Received: {request.seed}.")
    numbers = range(request.number, request.number + int(count))
    return [replace(request, number=number, kind=kinds[number % len(kinds)]) for number in numbers]
