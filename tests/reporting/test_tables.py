"""Text tables: what stands in them, and straight columns."""

from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.scan_scores import summarise
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.reporting.tables import scan_table, summary_table

TRUE = Landmarks(("T12", "L1", "L2"), [(0, 0, 34), (0, 0, 0), (0, 0, -34)])
PREDICTED = Landmarks(("L1", "T12", "L5"), [(3, 4, 0), (0, 0, 34), (0, 0, -160)])


def test_a_scans_table_by_hand() -> None:
    table = scan_table(score_scan("verse999", PREDICTED, TRUE), PREDICTED, TRUE)
    assert table.splitlines() == [
        "Scan verse999",
        "true  predicted      true centroid  predicted centroid  distance  VerSe  4 mm  original",
        "T12   T12         (0.0, 0.0, 34.0)    (0.0, 0.0, 34.0)   0.00 mm    hit   hit       hit",
        "L1    L1           (0.0, 0.0, 0.0)     (3.0, 4.0, 0.0)   5.00 mm    hit  miss       hit",
        "L2    -          (0.0, 0.0, -34.0)                   -         -   miss  miss      miss",
        "mean distance 2.50 mm, identified 2 (VerSe), 1 (4 mm) and 2 (original) of 3",
        "missed: L2",
        "predicted, but not in the truth: L5",
    ]


def test_a_summary_by_hand() -> None:
    table = summary_table(summarise([score_scan("a", PREDICTED, TRUE)]))
    assert table.splitlines() == [
        "          vertebrae  id. VerSe  id. 4 mm  id. original  mean mm  SD mm  median mm   recall  precision",
        "All               3     66.7 %    33.3 %        66.7 %     2.50   2.50       2.50   66.7 %     66.7 %",
        "Cervical          0        n/a       n/a           n/a      n/a    n/a        n/a      n/a        n/a",
        "Thoracic          1    100.0 %   100.0 %       100.0 %     0.00   0.00       0.00  100.0 %    100.0 %",
        "Lumbar            2     50.0 %     0.0 %        50.0 %     5.00   0.00       5.00   50.0 %     50.0 %",
        "scans with all levels right: 0.0 % of 1",
    ]


def test_no_predictions_and_no_truth_have_tables() -> None:
    nothing = Landmarks.empty()
    without = scan_table(score_scan("a", nothing, TRUE), nothing, TRUE)
    assert "mean distance n/a mm, identified 0 (VerSe), 0 (4 mm) and 0 (original) of 3" in without
    assert "no true vertebra to score against" in scan_table(score_scan("a", nothing, nothing), nothing, nothing)
    assert "scans with all levels right: n/a of 0" in summary_table(summarise([]))


def test_an_unnamed_prediction_is_called_so() -> None:
    unnamed = Landmarks(("",), [(0, 0, 1)])
    assert "L1    unnamed" in scan_table(score_scan("a", unnamed, TRUE), unnamed, TRUE)
