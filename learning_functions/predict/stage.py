"""A stage of a run over one scan: what was found in it, and everything known afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from utility_functions.records.findings import Findings, StageFindings


@dataclass(frozen=True)
class Stage:
    """tasks: of the model that ran, or of all whose findings a run starts from. found: what it found, and ``findings``
    everything known then; both lie where the scan's header puts them."""

    tasks: tuple[str, ...]
    found: StageFindings
    findings: Findings


def starting_stage(findings: Findings, tasks: Sequence[str] = ()) -> Stage:
    """What is known of a scan before the first model runs."""
    return Stage(tuple(tasks), findings.as_stage(), findings)
