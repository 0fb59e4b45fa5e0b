"""The findings of a scan under the names of another scan of the same patient, where both show the same vertebrae."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from learning_functions.predict.stage import Stage
from learning_functions.predict.trained_model import TrainedModel
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.naming.passed_names import in_order, matched_names, named_by_others
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.geometry.quarter_turns import turned_points
from utility_functions.records.detected_vertebrae import DetectedVertebrae
from utility_functions.records.findings import Findings
from utility_functions.records.names_elsewhere import NamesElsewhere
from utility_functions.records.naming_record import NamingRecord, in_short
from utility_functions.records.turned_findings import turned_landmarks

NO_MATCH = "No vertebra of {} lies at one of this scan, so the names are its own."
UNFIT = "The vertebrae of {} and of this scan do not stand in one order, so the names are its own and may be wrong."
SACRUM_MOVED = "By {} the sacrum of this scan would begin elsewhere, so the names are its own and may be wrong."


def with_names_of(stage: Stage, elsewhere: NamesElsewhere, models: Sequence[TrainedModel]) -> Stage:
    """The last stage of a scan under the names that another scan tells.

    models: those that ran, whose statistics of naming count.
    """
    learnt = [model.statistics for model in models if model.statistics is not None]
    findings = passed_on(stage.findings, elsewhere, learnt[-1] if learnt else scan_statistics())
    found = stage.found.having(
        instances=findings.instances,
        landmarks=findings.landmarks,
        naming=findings.naming,
        completeness=findings.completeness,
    )
    return replace(stage, found=found, findings=findings)


def passed_on(findings: Findings, elsewhere: NamesElsewhere, statistics: Statistics) -> Findings:
    """The findings under the names of ``elsewhere``; vertebrae that lie at none of its are counted on.

    Where nothing matches, or both do not fit, the names stay, and a note or a warning tells why.
    """
    vertebrae = DetectedVertebrae.of(findings)
    if not len(vertebrae.names):
        return findings
    places = np.flatnonzero(vertebrae.placed)
    matched = matched_names(vertebrae.points_mm[places], elsewhere.landmarks)
    names = {int(places[place]): name for place, name in matched.items()}
    if not names:
        return findings.noting(NO_MATCH.format(elsewhere.scan))
    if not in_order(vertebrae.points_mm, names):
        return doubted(findings, UNFIT.format(elsewhere.scan))
    upright = turned_points(vertebrae.points_mm, findings.quarter_turns)
    sacral = np.array([name == "S1" for name in vertebrae.names])
    naming = named_by_others(upright, vertebrae.seen, names, sacral, elsewhere.doubt, statistics)
    if any((new == "S1") != is_sacral for new, is_sacral in zip(naming.names, sacral, strict=True)):
        return doubted(findings, SACRUM_MOVED.format(elsewhere.scan))
    landmarks = turned_landmarks(naming.landmarks, -findings.quarter_turns)
    unplaced = {name for name, there in zip(naming.names, vertebrae.placed, strict=True) if not there}
    landmarks = landmarks.only(set(landmarks.names) - unplaced)
    landmarks = landmarks.at(np.flatnonzero(findings.grid.contains(landmarks.points_mm)))
    own = findings.naming
    differ = [old for old, new in zip(vertebrae.names, naming.names, strict=True) if old != new]
    record = replace(
        NamingRecord.of(naming, vertebrae.points_mm).only(landmarks.names),
        counted_from=elsewhere.scan,
        told_from=elsewhere.world,
        own_levels=in_short(vertebrae.names) if differ else "",
    )
    if own is not None:
        record = replace(record, false_mm=(*own.false_mm, *record.false_mm))
    changed = dict(zip(vertebrae.names, naming.names, strict=True))
    completeness = {changed.get(name, name): value for name, value in findings.completeness.items()}
    completeness.pop("", None)
    instances = findings.instances
    if instances is not None:
        table = np.arange(256, dtype=np.uint8)
        for old, new in changed.items():
            if old in VERSE_IDS:
                table[VERSE_IDS[old]] = VERSE_IDS.get(new, 0)
        instances = instances.with_voxels(table[instances.voxels])
    renamed = findings.having(instances=instances, landmarks=landmarks, completeness=completeness)
    return renamed.named(record)


def doubted(findings: Findings, doubt: str) -> Findings:
    """The findings with a sentence that contradicts their names; a note where no decoder named."""
    if findings.naming is None:
        return findings.noting(doubt)
    return findings.named(replace(findings.naming, conflict=doubt))
