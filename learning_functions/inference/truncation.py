"""Vertebrae that the scan shows in part: what is told of them."""

from __future__ import annotations

from collections.abc import Sequence

from utility_functions.records.findings import Findings

CUT = "cut by the border of the scan"


def telling_of_cut(findings: Findings, names: Sequence[str], partial: str, why: str = CUT) -> Findings:
    """The findings with a note on the vertebrae that are ``why``; none with ``partial`` "keep".

    Leaving them out, with "drop", is the caller's.
    """
    if not names or partial == "keep":
        return findings
    told = f"{', '.join(names)}: {why}"
    return findings.noting(f"{told}, and left out." if partial == "drop" else f"{told}.")
