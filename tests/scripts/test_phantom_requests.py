"""Phantoms in place of a data set on the command line: sampled or measured without files, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from learning_functions.samples.store.sample_store import open_store
from tests.scripts.outcome import Run

FEW = ("--preset", "small", "--samples-per-scan", "1", "--spacing", "5", "--workers", "1")


@pytest.mark.parametrize("words", ["phantom:", "phantom:-3", "phantom:x", "phantom:2:tail", "phantom:2:seed=x"])
@pytest.mark.parametrize("script", ["generate_samples", "measure"])
def test_invalid_phantom_requests_end_with_code_2(run: Run, tmp_path: Path, script: str, words: str) -> None:
    out = tmp_path / "out"
    given = ("detection", words, f"{out}.h5") if script == "generate_samples" else (words, "--output", out)
    outcome = run(script, *given)
    assert (
        outcome.code == 2
        and len(outcome.errors) == 1
        and "phantom:N" in outcome.errors[0]
        and words in outcome.errors[0]
    )
    assert outcome.err.count("\n") == 1 and not list(tmp_path.glob("*.h5"))


def test_samples_come_from_phantoms_of_the_seed_and_are_split_by_patient(run: Run, tmp_path: Path) -> None:
    ids = {}
    for part in ("training", "validation"):
        path = tmp_path / f"{part}.h5"
        options = ("--seed", 4, "--hold-out", 0.3, "--part", part)
        assert run("generate_samples", "detection", "phantom:3:lumbar", path, *FEW, *options).code == 0
        store = open_store(path)
        assert store.split == part and store.has_tissues
        ids[part] = store.case_ids
    assert sorted(ids["training"] + ids["validation"]) == [f"phantom-4-{number:06d}-lumbar" for number in range(3)]
    assert len(ids["validation"]) == 1


def test_phantoms_have_no_split(run: Run, tmp_path: Path) -> None:
    outcome = run("generate_samples", "detection", "phantom:3", tmp_path / "s.h5", *FEW, "--split", "training")
    assert outcome.code == 2 and "phantom:3 has no training cases, only no split" in outcome.errors[0]


def test_phantoms_are_measured_without_a_file(run: Run, models: list[Path], tmp_path: Path) -> None:
    outcome = run("measure", "phantom:1:cervical:seed=8", *models, "--output", tmp_path)
    assert outcome.code == 0, outcome.err
    results = json.loads((tmp_path / "results.json").read_text())
    assert [scan["case_id"] for scan in results["scans"]] == ["phantom-8-000000-cervical"]
    assert (tmp_path / "phantom-8-000000-cervical.png").is_file()


def test_landmarks_of_phantoms_are_named_without_their_tissues(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "named.h5"
    outcome = run("generate_samples", "naming", "phantom:2:lumbar", out, "--preset", "small", "--workers", 1)
    assert outcome.code == 0, outcome.err
    assert open_store(out).count > 0 and not open_store(out).has_tissues
