"""Views of scans for tests."""

from __future__ import annotations

from typing import Any

from learning_functions.inference.scan_view import ScanView
from learning_functions.options import InferenceOptions
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings, StageFindings


def view_of(
    image: Volume, findings: Findings | None = None, padding: float = 0.0, scan: Grid | None = None, **options: Any
) -> ScanView:
    """An image with what was found before (nothing), padding value, the scan's own grid and inference options."""
    before = Findings("scan", image.grid) if findings is None else findings
    return ScanView(image, padding, before, InferenceOptions(**options), scan)


def known_after(found: StageFindings, view: ScanView) -> Findings:
    """Everything known of a scan once a stage has found something in it."""
    return view.findings.merged(found)
