"""The record of a training in the card: held-out patients, and models that cropped the samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from learning_functions.training.checkpoints import Progress
from learning_functions.training.run_record import card_of
from learning_functions.training.training_choices import Training
from tests.samples.stores import write
from tests.tiny import tiny_settings
from utility_functions.files.data_split import Fold

MODEL = {"file": "spine_heatmap.h5", "task": "spine_heatmap", "sha256": "abc"}


@pytest.mark.parametrize("cropped", [True, False])
@pytest.mark.parametrize("fold", [Fold(1, 3, 7), None])
def test_a_card_records_folds_and_crops(tmp_path: Path, cropped: bool, fold: Fold | None) -> None:
    training = write(tmp_path / "t.h5", cropped_by=[MODEL] if cropped else ())
    validation = write(tmp_path / "v.h5", patient="q").of_patients({"q0", "q2"})
    progress = Progress({}, 1, 1, 0.5, [{"seconds": 1.0}])
    record = card_of(training, tiny_settings("detection"), Training(), progress, validation, fold)["training"]
    assert record["samples"] == {"training": 7, "validation": 4}
    assert record.get("cropped_by") == ({"training": [MODEL], "validation": []} if cropped else None)
    assert (record.get("fold"), record.get("folds"), record.get("hold_out_seed")) == (
        (1, 3, 7) if fold else (None,) * 3
    )
    expected = {"case_ids": ["case0", "case2"], "patients": ["q0", "q2"]}
    assert record.get("held_out") == (expected if fold else None)
