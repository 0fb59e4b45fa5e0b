"""From a chain of masks to findings: order, names and centres, and what becomes of truncated vertebrae."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.iterative.patch_prediction import COMPLETE, Instance, are_truncated
from learning_functions.inference.label_fusion import LabelFusion
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.truncation import truncation_note
from utility_functions.anatomy.centroids import body_centre
from utility_functions.anatomy.iterative_naming import chain_names, names_by
from utility_functions.anatomy.labels import SACRAL, VERSE_IDS, VERTEBRAE, anatomical_order, regressed_level
from utility_functions.anatomy.naming.decoder import ALTERNATIVES, decode
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.naming.interpolation import all_levels
from utility_functions.anatomy.naming.regressed import names_given, regressed_detections
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import StageFindings
from utility_functions.records.naming_record import NamingRecord

NEAR_MM = 15.0
"""A landmark names the vertebra whose mask holds it, or else the nearest one, if its centre is no farther than this."""
AGREEING_FRACTION = 0.5
"""Names found before hold when they all fit one order of levels and name at least this fraction of the vertebrae."""
DOUBTFUL_MARGIN = 0.1
"""Where the second best order of levels fits worse by no more than this, the names may be shifted."""
KNOWN_NATS = 4.0
"""The evidence of a name found before for its level, where the names found before contradict one another."""
CONTRADICTION = "The names come from the levels along the chain, because names found before contradict one another."
EMPTY = Landmarks.empty()


def found_instances(view: ScanView, found: Sequence[Instance], target: Grid | None = None) -> StageFindings:
    """``instances``, ``landmarks`` and ``completeness`` of the masks on the grid of the view's image.

    target: grid of the map; None: that of the image.
    Names of landmarks found before win where they agree with one another; else the levels along the chain decide.
    Landmarks of the sacrum stay. Those of vertebrae without a mask stay where names agree.
    Option truncated: "keep", "flag" or "drop" truncated vertebrae.
    Option naming: "decoder", or else the published rule (`chain_names`); the decoder also interpolates missed levels.
    """
    findings, grid, truncated = view.findings, view.image.grid, view.options.truncated
    centres = [grid.to_mm(np.asarray(one.start) + body_centre(one.mask, grid.spacing_mm)) for one in found]
    order = sorted(range(len(found)), key=lambda i: -float(centres[i][2]))
    chain, points = [found[i] for i in order], np.array([centres[i] for i in order]).reshape(-1, 3)
    means = np.array([grid.to_mm(one.mean) for one in chain]).reshape(-1, 3)  # C1 has one too, and no body
    names, scores, note, agreed, record, interpolated, false = _names(view, chain, points, means)
    notes = [note]
    if unnamed := sum(not name for name in names) - false:
        notes.append(f"{_vertebrae(unnamed)} outside C1 to L5 got no name and no label.")
    truncated_names = [
        name
        for name, is_truncated in zip(names, are_truncated(chain, grid, view.scan_grid), strict=True)
        if name and is_truncated
    ]
    notes.append(truncation_note(truncated_names, truncated))
    dropped = {"", *(truncated_names if truncated == "drop" else ())}
    fusion, completeness, retained = LabelFusion(grid), {}, []
    for place, (name, one) in enumerate(zip(names, chain, strict=True)):
        if name in dropped:
            continue
        mask = np.pad(one.mask, 1)
        probabilities = mask.astype(np.float16) if one.probabilities is None else one.probabilities
        fusion.add(VERSE_IDS[name], np.asarray(one.start) - 1, mask, probabilities)
        completeness[name] = float(one.complete)
        if name == "C1":
            points[place] = means[place]
        retained.append(place)
    landmarks = Landmarks(tuple(names[i] for i in retained), points[retained], scores[retained])
    fusion.add_sacrum(findings)
    landmarks, unsegmented = _merged_landmarks(landmarks, findings.landmarks, agreed, set(names))
    landmarks = all_levels(
        landmarks, interpolated.at([i for i, name in enumerate(interpolated.names) if name not in landmarks])
    )
    if unsegmented:
        notes.append(f"No mask was found of {', '.join(unsegmented)}, named before.")
    instances = fusion.on(target or grid)
    result = StageFindings(instances=instances, landmarks=landmarks, naming=record, completeness=completeness)
    return result.noting(*notes)


def _aligned_means(chain: Sequence[Instance], means_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means of masks, (n, 3), that give the distances by which vertebrae are counted.

    The mean of a truncated end is moved straight above or below its neighbour, because what is left of the vertebra may
    be its spinous process alone.
    """
    placed = means_mm.copy()
    if len(chain) > 1:
        for end, beside in ((0, 1), (-1, -2)):
            if chain[end].complete < COMPLETE:
                placed[end, :2] = placed[beside, :2]
    return placed


class _Names(NamedTuple):
    """names: from the top down, "" for an unnamed mask; scores: probability or agreement (0..1); note: for the user.

    agreed: whether the names found before hold. record, interpolated, false: of the decoder, the levels that it
        interpolates between the masks, and the number of masks that it takes for false positives.
    """

    names: tuple[str, ...]
    scores: NDArray[np.float64]
    note: str = ""
    agreed: bool = False
    record: NamingRecord | None = None
    interpolated: Landmarks = EMPTY
    false: int = 0


def _names(
    view: ScanView, chain: Sequence[Instance], points_mm: NDArray[np.float64], means_mm: NDArray[np.float64]
) -> _Names:
    findings, grid = view.findings, view.image.grid
    levels = np.array([one.level for one in chain], float)
    along_mm = _aligned_means(chain, means_mm)
    known = _known(chain, points_mm, findings.landmarks, grid)
    named_before = sum(map(bool, known))
    if named_before and named_before >= AGREEING_FRACTION * len(chain):
        names = names_by(known, along_mm)
        if names is not None:
            return _Names(
                names,
                np.ones(len(chain)),
                _origin(named_before, len(chain)),
                True,
                _without_segmented(findings.naming, names),
            )
    whole = [one.complete >= COMPLETE for one in chain]
    disagreement = CONTRADICTION if named_before else ""
    if view.options.naming == "decoder":
        statistics = view.statistics or scan_statistics()
        return _decoded(levels, whole, along_mm, means_mm, known, statistics)._replace(note=disagreement)
    named = chain_names(levels, whole, along_mm)
    scores = np.array([_agreement(name, level) for name, level in zip(named.names, levels, strict=True)])
    notes = [disagreement] if disagreement else []
    if any(named.names) and named.margin < DOUBTFUL_MARGIN:
        notes.append("The names could be shifted by one level.")
    return _Names(named.names, scores, " ".join(notes))


def _decoded(
    levels: NDArray[np.float64],
    whole: Sequence[bool],
    along_mm: NDArray[np.float64],
    means_mm: NDArray[np.float64],
    known: Sequence[str],
    statistics: Statistics,
) -> _Names:
    """Names by the exact decoder, from the regressed levels and, where there are any, names found before.

    along_mm: points that give distances; means_mm: the means of the masks.
    """
    detections = regressed_detections(levels, whole, along_mm)
    detections = replace(detections, evidence=detections.evidence + names_given(known, KNOWN_NATS))
    naming = decode(detections, statistics, ALTERNATIVES)
    names = tuple(name if name in VERTEBRAE else "" for name in naming.names)
    scores = np.array([naming.found.scores[naming.found.names.index(name)] if name else 0.0 for name in names])
    record = NamingRecord.of(naming, means_mm)
    interpolated = naming.interpolated.only(VERTEBRAE)
    record = replace(record.only(VERTEBRAE), interpolated=interpolated.names)
    return _Names(names, scores, record=record, interpolated=interpolated, false=len(naming.false))


def _without_segmented(record: NamingRecord | None, names: Sequence[str]) -> NamingRecord | None:
    """The record of names found before; a level that has a mask now is not interpolated any more."""
    if record is None:
        return None
    return replace(record, interpolated=tuple(name for name in record.interpolated if name not in names))


def _known(
    chain: Sequence[Instance], points_mm: NDArray[np.float64], before: Landmarks | None, grid: Grid
) -> list[str]:
    """The name that landmarks give each vertebra, by the mask that holds them, else by the nearest centre; or ""."""
    known = [""] * len(chain)
    distances: dict[int, float] = {}
    for name, point in before or Landmarks.empty():
        if name not in VERTEBRAE or not chain:
            continue
        distance = np.linalg.norm(points_mm - point, axis=1)
        inside = [i for i, one in enumerate(chain) if _holds(one, grid.to_index(point))]
        place = inside[0] if inside else int(distance.argmin())
        if (inside or distance[place] <= NEAR_MM) and distance[place] < distances.get(place, np.inf):
            known[place], distances[place] = name, float(distance[place])
    return known


def _merged_landmarks(
    landmarks: Landmarks, before: Landmarks | None, agreed: bool, named: set[str]
) -> tuple[Landmarks, tuple[str, ...]]:
    """The landmarks with those found before that no mask contradicts, and which vertebrae are among these."""
    others = [name for name, _ in before or Landmarks.empty() if name and name not in named]
    unsegmented = tuple(sorted((name for name in others if agreed and name in VERTEBRAE), key=anatomical_order))
    if before is None:
        return landmarks, unsegmented
    more = before.only({*unsegmented, *(name for name in others if name not in VERTEBRAE)})
    names, points = (*landmarks.names, *more.names), np.vstack([landmarks.points_mm, more.points_mm])
    joined = Landmarks(names, points, np.concatenate([landmarks.scores, more.scores]))
    return joined.at(sorted(range(len(names)), key=lambda i: _place(names[i]))), unsegmented


def _place(name: str) -> int:
    return anatomical_order(name) if name in (*VERTEBRAE, *SACRAL) else len(VERTEBRAE) + len(SACRAL)


def _holds(one: Instance, index: NDArray[np.float64]) -> bool:
    at = np.rint(index).astype(int) - one.start
    return bool((at >= 0).all() and (at < one.mask.shape).all() and one.mask[tuple(at)])


def _origin(named_before: int, vertebrae: int) -> str:
    """A note on the origin of names of which some, or all, were found before."""
    if named_before == vertebrae:
        return "The names are those found before."
    verb = "was" if named_before == 1 else "were"
    return f"{named_before} of {vertebrae} names {verb} found before; the others are counted from there."


def _agreement(name: str, level: float) -> float:
    """How well a regressed level fits the name: 1 where it is the same."""
    return float(np.exp(-abs(level - (regressed_level(name) or 0)))) if name and np.isfinite(level) else 0.0


def _vertebrae(count: int) -> str:
    return f"{count} {'vertebra' if count == 1 else 'vertebrae'}"
