"""A sound input: a folder in which one file is changed, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hardening.byte_mutations import Mutation


@dataclass(frozen=True)
class SoundInput:
    """One input: a folder in which one file is changed, and how its reader is called.

    file: the file that is changed. reader: a name of entry_points.READERS. exact: changes after which the answer, if
    there is one, must be that of the sound file, since the format has a checksum. weight: how often it is drawn.
    keras: whether its reader needs TensorFlow.
    """

    name: str
    folder: Path
    file: str
    reader: str
    mutations: tuple[Mutation, ...]
    exact: frozenset[str] = field(default=frozenset())
    weight: float = 1.0
    keras: bool = False
