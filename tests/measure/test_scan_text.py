"""What is printed of a scan is what is written of it."""

from __future__ import annotations

import pytest

from learning_functions.measure.summary import scan_text
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings
from utility_functions.reporting.results import ScanRow

GRID = Grid.from_spacing((9, 9, 9), 5.0)


@pytest.mark.parametrize(
    ("names", "told"), [((), "no vertebra"), (("S1",), "S1"), (("L5", "S1"), "L5, S1"), (("T13", "L1"), "T13, L1")]
)
def test_every_level_in_the_files_is_printed(names: tuple[str, ...], told: str) -> None:
    landmarks = Landmarks(names, [[10.0, 10.0, 30.0 - 10 * place] for place in range(len(names))])
    text = scan_text(ScanRow("scan", Findings("scan", GRID, landmarks=landmarks)))
    assert f"found: {told}" in text.splitlines()
