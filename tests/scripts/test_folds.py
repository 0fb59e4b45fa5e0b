"""Cross-validation by patient: single or all folds, resuming, summaries, and lists for measuring."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest

import train
from learning_functions.generate.generation import cases_of_one_split, generate
from learning_functions.model_files.model_file import load_model, read_card
from learning_functions.samples.store.sample_store import open_store
from learning_functions.training.checkpoints import Checkpoints
from learning_functions.training.fold_summary import over_folds
from tests.scripts.outcome import PRECIOUS, Run, everything, require_error
from tests.tiny import tiny_settings
from utility_functions.files.manifest import find_cases

PHANTOMS = "phantom:4:lumbar"
OPTIONS = ("--folds", 2, "--device", "cpu", "--augment", "none")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four patients in one file."""
    path = tmp_path_factory.mktemp("samples") / "all.h5"
    cases = cases_of_one_split(Path(PHANTOMS), None, phantom_seed=3)
    generate("detection", cases, path, tiny_settings("detection", samples_per_scan=2), seed=3, workers=1)
    return path


@pytest.fixture(scope="module")
def once(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trained folds, with the path of the model."""
    model = tmp_path_factory.mktemp("once") / "m.h5"
    assert train.main([*map(str, (samples, model, *OPTIONS, "--scans", PHANTOMS))]) == 0
    return model


@pytest.fixture
def validated(once: Path, tmp_path: Path) -> Path:
    """A copy in another folder."""
    shutil.copytree(once.parent, tmp_path / "copy")
    return tmp_path / "copy" / once.name


def test_all_folds_leave_models_cards_lists_and_a_summary(once: Path, samples: Path) -> None:
    folder, store, held_out_patients = once.parent, open_store(samples), []
    assert not once.exists()
    phantoms = {case.phantom for case in find_cases(Path(PHANTOMS), phantom_seed=3)}
    rows = list(csv.DictReader((folder / "m_folds.csv").open()))
    summary = json.loads((folder / "m_folds.json").read_text())
    assert [row["fold"] for row in rows] == ["0", "1", "mean", "SD"]
    for number in range(2):
        card = read_card(folder / f"m_fold{number}.h5")
        assert card is not None
        training = card["training"]
        assert (training["fold"], training["folds"], training["hold_out_seed"]) == (number, 2, 1)
        held_out = training["held_out"]
        assert len(held_out["case_ids"]) == len(held_out["patients"]) == 2
        assert training["scans"] == {"training": 2, "validation": 2}
        listed = find_cases(folder / f"m_fold{number}_scans.csv")
        assert [case.case_id for case in listed] == held_out["case_ids"]
        assert {case.phantom for case in listed} <= phantoms
        held_out_patients += held_out["patients"]
        log = Checkpoints(folder / f"m_fold{number}.h5").progress().history[-1]
        assert float(rows[number]["val_loss"]) == summary["rows"][number]["val_loss"] == log["val_loss"]
    assert sorted(held_out_patients) == sorted(store.patients)
    losses = [row["val_loss"] for row in summary["rows"]]
    assert summary["mean"]["val_loss"] == pytest.approx(np.mean(losses))
    assert float(rows[3]["val_loss"]) == pytest.approx(statistics.stdev(losses))


def test_a_fold_is_the_same_alone_and_finished_folds_are_kept(
    run: Run, validated: Path, samples: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    outcome = run("train", samples, alone / "m.h5", *OPTIONS, "--fold", 1)
    assert outcome.code == 0 and not (alone / "m_folds.csv").exists() and not (alone / "m_fold1_scans.csv").exists()
    weights = [load_model(folder / "m_fold1.h5")[0].get_weights() for folder in (alone, validated.parent)]
    for mine, other in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-7)
    before = (alone / "m_fold1.h5").read_bytes()
    outcome = run("train", samples, alone / "m.h5", *OPTIONS, "--resume")
    assert outcome.code == 0 and outcome.err.count("All 1 epochs are finished already") == 1
    assert "mean" in outcome.out and "SD" in outcome.out and outcome.out.count("Best of 1 epochs") == 2
    assert (alone / "m_fold1.h5").read_bytes() == before and (alone / "m_fold0.h5").is_file()
    tables = [json.loads((folder / "m_folds.json").read_text()) for folder in (alone, validated.parent)]
    assert tables[0]["rows"][1]["val_loss"] == pytest.approx(tables[1]["rows"][1]["val_loss"], rel=1e-5)


def test_a_finished_fold_whose_model_is_gone_is_saved_again(run: Run, validated: Path, samples: Path) -> None:
    model = validated.with_name("m_fold0.h5")
    weights = load_model(model)[0].get_weights()
    model.unlink()
    assert run("train", samples, validated, *OPTIONS, "--resume", "--fold", 0).code == 0
    for mine, before in zip(load_model(model)[0].get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, before)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (("--hold-out-seed", 2), "samples, folds"),
        (("--folds", 3), "folds"),
        (("--seed", 2), "seed"),
        (("--filters", 3), "filters (then 2, now 3)"),
    ],
)
def test_folds_resume_only_with_their_options(
    run: Run, validated: Path, samples: Path, other: tuple[object, ...], named: str
) -> None:
    before = everything(validated.parent)
    require_error(run("train", samples, validated, *OPTIONS, *other, "--resume"), f"Received other: {named}.")
    assert everything(validated.parent) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("SAMPLES", "m.h5"), "Training needs a second sample file for validation, or --folds"),
        (("SAMPLES", "SAMPLES", "m.h5", "--folds", 2), "leave out the second one"),
        (("SAMPLES", "m.h5", "--fold", 0), "A --fold is one of --folds"),
        (("SAMPLES", "m.h5", "--folds", 3, "--fold", 3), "from 0 to 2. Received: 3"),
        (("SAMPLES", "m.h5", "--folds", 5), "5 folds need scans of at least 5 patients. Received: 4"),
        (("SAMPLES", "m.h5", "--folds", 1), "at least two --folds"),
        (("SAMPLES", "m.h5", "--folds", "two"), "argument --folds"),
        (("SAMPLES", "SAMPLES", "m.h5", "--hold-out-seed", 2), "nobody is"),
        (("SAMPLES", "SAMPLES", "m.h5", "--scans", PHANTOMS), "--scans lists the held-out scans of --folds"),
        (
            ("SAMPLES", "m.h5", "--folds", 2, "--scans", "phantom:3:lumbar"),
            "were cut from other scans; 1 of those are missing",
        ),
        (("SAMPLES", "m.h5", "--folds", 2, "--scans", "nowhere"), "no such file"),
        (("SAMPLES", "m.keras", "--folds", 2), "saved as .h5"),
        (("SAMPLES",), "required: model"),
    ],
)
def test_invalid_folds_are_reported_in_one_line(
    run: Run, samples: Path, tmp_path: Path, arguments: tuple[object, ...], words: str
) -> None:
    given = [samples if part == "SAMPLES" else part for part in arguments]
    given = [tmp_path / part if str(part).startswith("m.") else part for part in given]
    require_error(run("train", *given), words)
    assert not list(tmp_path.iterdir())


def test_validation_and_testing_samples_are_not_split(run: Run, data_set: Path, tmp_path: Path) -> None:
    for split in ("validation", "testing"):
        few = ("--split", split, "--preset", "small", "--samples-per-scan", 1, "--workers", 1)
        assert run("generate_samples", "detection", data_set, tmp_path / f"{split}.h5", *few).code == 0
        words = "not for training" if split == "testing" else "Only training samples are split"
        require_error(run("train", tmp_path / f"{split}.h5", tmp_path / "m.h5", "--folds", 2), words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("m_folds.csv", "no summary of folds"),
        ("m_folds.json", "no summary of folds"),
        ("m_fold1_scans.csv", "no list of scans"),
        ("m_fold1.h5", "no model and is not written over"),
    ],
)
def test_folds_do_not_overwrite_other_files(run: Run, samples: Path, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(PRECIOUS)
    before = everything(tmp_path)
    require_error(run("train", samples, tmp_path / "m.h5", *OPTIONS, "--scans", PHANTOMS), words)
    assert everything(tmp_path) == before


def test_figures_missing_in_a_fold_have_no_mean() -> None:
    over = over_folds([{"fold": 0, "val_loss": 1.0, "val_dice": None}, {"fold": 1, "val_loss": 3.0, "val_dice": 0.5}])
    assert over == {
        "mean": {"val_loss": 2.0, "val_dice": None},
        "SD": {"val_loss": pytest.approx(2**0.5), "val_dice": None},
    }


def test_generated_parts_equal_the_split_of_training(once: Path, samples: Path) -> None:
    for number in range(2):
        training, validation = (
            cases_of_one_split(Path(PHANTOMS), None, part=part, phantom_seed=3, folds=2, fold=number)
            for part in ("training", "validation")
        )
        card = read_card(once.with_name(f"m_fold{number}.h5"))
        assert card is not None
        assert {case.patient for case in validation} == set(card["training"]["held_out"]["patients"])
        assert sorted(case.patient for case in training + validation) == sorted(open_store(samples).patients)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--folds", 2), "One --fold of --folds 2 is held out at a time"),
        (("--folds", 2, "--fold", 0), "and the wanted part"),
        (("--fold", 0, "--part", "training"), "A --fold is one of --folds"),
        (("--folds", 2, "--fold", 2, "--part", "training"), "from 0 to 1"),
        (("--folds", 9, "--fold", 2, "--part", "training"), "at least 9 patients"),
        (("--folds", 2, "--fold", 0, "--part", "training", "--hold-out", 0.5), "not by both"),
        (("--hold-out-seed", 2), "nobody is"),
    ],
)
def test_invalid_parts_are_reported_in_one_line(
    run: Run, tmp_path: Path, options: tuple[object, ...], words: str
) -> None:
    require_error(run("generate_samples", "detection", PHANTOMS, tmp_path / "s.h5", *options), words)
    assert not list(tmp_path.iterdir())
