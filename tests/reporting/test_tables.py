"""Text tables: content and aligned columns."""

from losses_and_metrics.scan_scores import summarise
from tests.made_rows import levels, scored
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.reporting.score_text import identification_text, summary_text

TRUE = Landmarks(("T12", "L1", "L2"), [(0, 0, 34), (0, 0, 0), (0, 0, -34)])
PREDICTED = Landmarks(("L1", "T12", "L5"), [(3, 4, 0), (0, 0, 34), (0, 0, -160)])


def test_a_scans_table_by_hand() -> None:
    table = identification_text(scored("verse999", PREDICTED, TRUE))
    assert table.splitlines() == [
        "level  predicted  true centroid (RAS mm)  centroid (RAS mm)  distance mm  VerSe  4 mm  original",
        "T12    T12                0.0, 0.0, 34.0     0.0, 0.0, 34.0         0.00    hit   hit       hit",
        "L1     L1                  0.0, 0.0, 0.0      3.0, 4.0, 0.0         5.00    hit  miss       hit",
        "L2     -                 0.0, 0.0, -34.0                  -          n/a   miss  miss      miss",
        "mean distance 2.50 mm, identified 2 (VerSe), 1 (4 mm) and 2 (original) of 3",
        "missed: L2",
        "predicted, but not in the truth: L5",
    ]


SUMMARY = """
region    levels  id. VerSe  id. 4 mm  id. original  mean mm  SD mm  median mm   recall  precision  scans  all right
All            3     66.7 %    33.3 %        66.7 %     2.50   2.50       2.50   66.7 %     66.7 %      1      0.0 %
Cervical       0        n/a       n/a           n/a      n/a    n/a        n/a      n/a        n/a      0        n/a
Thoracic       1    100.0 %   100.0 %       100.0 %     0.00   0.00       0.00  100.0 %    100.0 %      1    100.0 %
Lumbar         2     50.0 %     0.0 %        50.0 %     5.00   0.00       5.00   50.0 %     50.0 %      1      0.0 %
"""


def test_a_summary_by_hand() -> None:
    table = summary_text(summarise(levels(scored("a", PREDICTED, TRUE))))
    assert table.splitlines() == SUMMARY.strip().splitlines()


def test_no_predictions_and_no_truth_have_tables() -> None:
    nothing = Landmarks.empty()
    without = identification_text(scored("a", nothing, TRUE))
    assert "mean distance n/a mm, identified 0 (VerSe), 0 (4 mm) and 0 (original) of 3" in without
    assert "no true vertebra to score against" in identification_text(scored("a", nothing, nothing))
    assert summary_text(summarise(levels())).splitlines()[1].split() == ["All", "0", *["n/a"] * 8, "0", "n/a"]


def test_an_unnamed_prediction_is_listed_as_unnamed() -> None:
    unnamed = Landmarks(("",), [(0, 0, 1)])
    assert "L1     unnamed" in identification_text(scored("a", unnamed, TRUE))
