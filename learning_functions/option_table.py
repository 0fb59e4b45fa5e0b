"""The ways in which models can be run: options of measure.py, and keys of the TOML of a pipeline. Imports nothing."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WINDOWS = ("tiles", "published")
"""How images are seen: in tiles as large as memory allows, or in the ancestor's windows, one by one."""
VOTES = ("ordered", "published")
"""Whether components and the order of levels drop stray votes."""
NAMING = ("decoder", "chain", "published")
"""Who gives the names: the exact decoder, the runs of the cheapest chain, or the publication's own rule."""
PARTIAL = ("keep", "flag", "drop")
"""What can be done with vertebrae that the image's border cuts."""
LYING = ("found", "header")
"""Who tells how a patient lies: quarter turns are looked at where detection hesitates, or the header says."""


@dataclass(frozen=True)
class Way:
    """One option: what it does, what it can be (nothing: any text), what it is when nobody says, its word in help."""

    told: str
    choices: Sequence[str] = ()
    usual: str | None = None
    metavar: str | None = None


WAYS: Mapping[str, Way] = {
    "windows": Way("published: small windows, one by one", WINDOWS, "tiles"),
    "votes": Way("published: no order of levels", VOTES, "ordered"),
    "naming": Way("who names: the exact decoder, the chain of votes, or the published rules", NAMING, "decoder"),
    "partial": Way("of instances, masks and heatmaps, vertebrae cut by the border", PARTIAL, "flag"),
    "lying": Way(
        "how patients lie: looked for where a detection of parts hesitates, or as the header says", LYING, "found"
    ),
    "lowest": Way("of MR: name counted vertebrae, the lowest being e.g. L5", metavar="LEVEL"),
    "stop_after": Way("task of the last model to run; later ones do not", metavar="STAGE"),
    "landmarks": Way(
        "landmark files by the scans' names (of one scan, its file), in place of landmarks found; models that find or "
        "name them (identification, vertebra_heatmaps, naming) are refused, instances starts from them",
        metavar="FOLDER",
    ),
    "from_results": Way(
        "go on from what an earlier run with --save-intermediate found before the models named here", metavar="FOLDER"
    ),
}
"""Names are those of options, with _ for -."""
PATHS = ("landmarks", "from_results")


def add_ways(parser: argparse.ArgumentParser) -> None:
    """Offer all ways as options."""
    for name, way in WAYS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            choices=way.choices or None,
            default=way.usual,
            metavar=way.metavar,
            type=Path if name in PATHS else str,
            help=f"{way.told} (default: {way.usual})" if way.usual else way.told,
        )
