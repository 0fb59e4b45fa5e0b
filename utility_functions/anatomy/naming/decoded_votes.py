"""Bodies separated by votes and named by the exact decoder: landmarks and ids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from utility_functions.anatomy.labels import LEVELS, VERSE_IDS, anatomical_order
from utility_functions.anatomy.naming.decoder import ALTERNATIVES, Naming, decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.routes import above, below
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.votes import Named


def decoded(named: Named, statistics: Statistics, temperature: float = 1.0) -> tuple[Named, Naming]:
    """The same bodies under the names that the decoder gives them, with missed levels interpolated between.

    The naming is of the landmarks as they were given. A false detection loses its landmark and its ids. A vertebra at
    either end whose centre is out of the field of view follows the one next to it. temperature: weight of the votes
    (`Bodies.evidence`).
    Raises: ValueError for votes without evidence of their bodies.
    """
    if named.bodies is None:
        raise ValueError("The decoder names bodies by the evidence of their votes. Received: votes without bodies.")
    points, evidence = named.landmarks.points_mm, named.bodies.evidence(temperature)
    naming = decode(Detections(points, evidence, visibility=named.bodies.seen), statistics, ALTERNATIVES)
    renamed = dict(zip(named.landmarks.names, naming.names, strict=True))
    renamed |= _beyond(named, renamed)
    ids = np.zeros(256, np.uint8)
    for old, new in renamed.items():
        if old in VERSE_IDS:
            ids[VERSE_IDS[old]] = VERSE_IDS.get(new, 0)
    instances = named.instances.with_voxels(ids[named.instances.voxels])
    return replace(named, landmarks=naming.landmarks, instances=instances), naming


def _beyond(named: Named, renamed: dict[str, str]) -> dict[str, str]:
    """Names of the levels that have ids and no landmark; they lie next to either end."""
    present = set(np.unique(named.instances.voxels).tolist())
    known = [name for name in named.landmarks.names if name]
    more = [name for name in LEVELS if VERSE_IDS.get(name) in present and name not in renamed]
    if not known:
        return {name: name for name in more}
    top, bottom = anatomical_order(known[0]), anatomical_order(known[-1])
    found: dict[str, str] = {}
    for ends, start, following in (
        ([name for name in reversed(more) if anatomical_order(name) < top], known[0], above),
        ([name for name in more if anatomical_order(name) > bottom], known[-1], below),
    ):
        name = renamed[start]
        for old in ends:
            next_ones = following(name) if name else ()
            name = found[old] = next_ones[0] if next_ones else ""
    return found
