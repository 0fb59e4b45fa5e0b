"""A stage of a run over one scan: its own findings, and all findings up to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from utility_functions.records.findings import Findings, StageFindings


@dataclass(frozen=True)
class Stage:
    """The findings of one model in a scan.

    tasks: of the model that ran, or of all whose findings a run starts from. found: its findings. findings: all
    findings up to it. Both are in the frame of the scan's header.
    """

    tasks: tuple[str, ...]
    found: StageFindings
    findings: Findings


def starting_stage(findings: Findings, tasks: Sequence[str] = ()) -> Stage:
    """The findings of a scan before the first model runs."""
    return Stage(tuple(tasks), findings.as_stage(), findings)
