"""Series of one study: which of them lie on one frame or grid, and whose names pass to which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from utility_functions.anatomy.naming.passed_names import matched_names
from utility_functions.files.cases import Case
from utility_functions.geometry.grid import Grid
from utility_functions.records.findings import Findings
from utility_functions.records.names_elsewhere import FRAME, GRID, NamesElsewhere
from utility_functions.reporting.results import ScanRow

CONFLICT = "{} of the same study names the same vertebrae otherwise ({} here is {} there): one of both is wrong."


@dataclass(frozen=True)
class StudyNames:
    """By scan: the names of another series that pass to it, and what is doubted since both are sure of others."""

    names: Mapping[str, NamesElsewhere] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)


def world_within_study(one: Case, other: Case, one_grid: Grid, other_grid: Grid) -> str:
    """Why two series of one study lie in one world, in words that follow the name of the other; "" where none tells it.

    Headers that both tell a frame of reference decide; else the grids must be the same.
    """
    if not one.study or one.study != other.study:
        return ""
    if one.frame and other.frame:
        return FRAME if one.frame == other.frame else ""
    return GRID if one_grid.same_as(other_grid) else ""


def names_within_studies(measured: Sequence[tuple[Case, ScanRow]]) -> StudyNames:
    """What series of one study tell each other; ``measured``: the scans of a run, with what was found in each.

    The surest series in one world passes its names to one whose names are doubtful, where they differ or it is sure.
    Where both are sure of different names, neither changes, and both are doubted.
    """
    names: dict[str, NamesElsewhere] = {}
    doubts: dict[str, str] = {}
    named = [(case, row.findings) for case, row in measured if row.findings is not None and _own_names(row.findings)]
    for case, findings in named:
        for other, theirs, world in _surer_ones(case, findings, named):
            differing = differing_names(findings, theirs)
            if differing is None:
                continue
            if _sure(findings):
                if differing:
                    here, there = differing[0]
                    doubts.setdefault(case.case_id, CONFLICT.format(other.case_id, here, there))
                    doubts.setdefault(other.case_id, CONFLICT.format(case.case_id, there, here))
            elif differing or _sure(theirs):
                names[case.case_id] = NamesElsewhere.of(theirs, world)
            break
    return StudyNames(names, doubts)


def differing_names(one: Findings, other: Findings) -> list[tuple[str, str]] | None:
    """The names of the same vertebrae in two scans of one world where they differ; None without common vertebrae."""
    ours, theirs = (NamesElsewhere.of(each, "").landmarks for each in (one, other))
    pairs = [(ours.names[place], name) for place, name in matched_names(ours.points_mm, theirs).items()]
    return [(here, there) for here, there in pairs if here != there] if pairs else None


def out_of_date(rows: Mapping[Case, ScanRow | None]) -> list[Case]:
    """The scans of an earlier run whose names passed from a series that is gone, open again or named otherwise now.

    rows: by scan what an earlier run found; None where it is not finished.
    """
    by_id = {case.case_id: row for case, row in rows.items()}
    found = []
    for case, row in rows.items():
        findings = None if row is None else row.findings
        if findings is None or findings.naming is None or not findings.naming.counted_from:
            continue
        giver = by_id.get(findings.naming.counted_from)
        theirs = None if giver is None else giver.findings
        if theirs is None or not _own_names(theirs) or differing_names(findings, theirs) != []:
            found.append(case)
    return found


def _surer_ones(
    case: Case, findings: Findings, named: Sequence[tuple[Case, Findings]]
) -> Iterator[tuple[Case, Findings, str]]:
    """The other series in the world of a scan that are surer of their names, the surest first."""
    rank = _rank(case, findings)
    for other, theirs in sorted(named, key=lambda each: _rank(*each)):
        if _rank(other, theirs) < rank and (world := world_within_study(case, other, findings.grid, theirs.grid)):
            yield other, theirs, world


def _rank(case: Case, findings: Findings) -> tuple[float, int, str]:
    """What series are compared by: how probably a name is wrong, then fewer vertebrae, then their ids."""
    naming = findings.naming
    count = 0 if findings.landmarks is None else len(findings.landmarks)
    return np.inf if naming is None else round(naming.error_probability, 6), -count, case.case_id


def _own_names(findings: Findings) -> bool:
    """Whether the scan's vertebrae were named by the decoder from what the scan itself shows."""
    naming, landmarks = findings.naming, findings.landmarks
    return naming is not None and not naming.counted_from and landmarks is not None and len(landmarks) > 0


def _sure(findings: Findings) -> bool:
    """Whether no warning and no range tells a doubt."""
    naming = findings.naming
    return naming is not None and not naming.ranges and (not naming.warning)
