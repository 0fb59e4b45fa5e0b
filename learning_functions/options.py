"""How trained models are run, whatever their tasks: what measure.py is asked for, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from learning_functions.option_table import LYING, NAMING, PARTIAL, VOTES, WINDOWS
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.geometry.grid import Grid

if TYPE_CHECKING:
    from utility_functions.anatomy.naming.statistics import Statistics


@dataclass(frozen=True)
class Running:
    """How models are run: memory to use at most, and the published forms kept for comparison.

    windows: "tiles" (as large as memory allows) or "published" (the ancestor's windows, one by one).
    votes: "ordered" (components and the order of levels drop stray votes) or "published".
    lowest: the level of the lowest vertebra, by which counted vertebrae are named; None where nobody declared it.
    partial: vertebrae that the image's border cuts: "keep" them in silence, "flag" them in a note, or "drop" them.
    save_intermediate: what one model finds for another, such as the heatmap, is written too.
    lying: one of LYING: whether quarter turns of the scan are looked at where a detection of parts hesitates.
    naming: one of NAMING; published votes, which find no bodies, name themselves.
    statistics: what the decoder holds usual; None: what is shipped.
    scan: the grid of the scan that an upright image was made of, which tells where its borders are; set for each scan.
    """

    memory_gb: float = 4.0
    windows: str = "tiles"
    votes: str = "ordered"
    partial: str = "flag"
    lying: str = "found"
    save_intermediate: bool = False
    lowest: str | None = None
    naming: str = "decoder"
    statistics: Statistics | None = None
    scan: Grid | None = None

    def __post_init__(self) -> None:
        if self.lowest is not None and self.lowest not in VERTEBRAE:
            raise ValueError(f"The lowest vertebra is one of {', '.join(VERTEBRAE)}. Received: {self.lowest!r}.")
        for what, value, known in (
            ("Windows are", self.windows, WINDOWS),
            ("Votes are", self.votes, VOTES),
            ("Naming is", self.naming, NAMING),
            ("Partial vertebrae are", self.partial, PARTIAL),
            ("How patients lie is", self.lying, LYING),
        ):
            if value not in known:
                raise ValueError(f"{what} one of {', '.join(known)}. Received: {value!r}.")
        if not 0 < self.memory_gb < math.inf:
            raise ValueError(f"The memory to use is a number of GB above 0. Received: {self.memory_gb}.")
