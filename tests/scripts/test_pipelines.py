"""Several pipelines over the same scans by measure.py: each in its folder, all in one table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from learning_functions.measure import scan_work
from tests.coarse_to_fine import coarse_to_fine_models
from tests.oracle import oracle_landmarks, oracle_scan
from tests.scripts.outcome import Run, everything, require_error
from utility_functions.anatomy.dense_targets import dense_levels
from utility_functions.files.annotations import write_lml
from utility_functions.files.cases import Case, Scan
from utility_functions.files.images import write_image
from utility_functions.geometry.volume import LabelMap

SHAPE = (16, 20, 72)


@pytest.fixture(scope="module")
def models(oracles: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models: the coarse-to-fine chain, detection and identification; and TOMLs of three pipelines."""
    folder = tmp_path_factory.mktemp("pipelines")
    coarse_to_fine_models(folder / "models")
    for path in oracles:
        (folder / "models" / path.name).write_bytes(path.read_bytes())
    chain = [f"models/{name}.h5" for name in ("spine_heatmap", "vertebra_heatmaps", "vertebra_masks")]
    toml(folder, "coarse", chain, 'title = "Coarse to fine"\ntruncated = "keep"')
    toml(folder, "two", ["models/detection.h5", "models/identification.h5"])
    toml(folder, "heat", chain, 'stop_after = "vertebra_heatmaps"\nnaming = "published"')
    return folder


def toml(folder: Path, name: str, models: list[str], more: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(f"models = {json.dumps(models)}\n{more}\n")
    return path


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scans with centroids and masks as truth."""
    folder = tmp_path_factory.mktemp("scans")
    scan = oracle_scan(shape=SHAPE)
    for name in ("first", "second"):
        write_image(scan, folder / f"{name}.nii.gz")
        write_lml(oracle_landmarks(), folder / f"{name}.lml", scan.grid)
        write_image(LabelMap(dense_levels(oracle_landmarks(), scan.grid), scan.grid), folder / f"{name}_mask.nii.gz")
    return folder


def pipelines(folder: Path, *names: str) -> list[object]:
    return [word for name in names for word in ("--pipeline", folder / f"{name}.toml")]


def test_pipelines_are_measured_separately_and_compared(
    run: Run, scans: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    outcome = run("measure", scans, *pipelines(models, "coarse", "two", "heat"), "--output", out)
    assert outcome.code == 0 and "6 of 6 scans measured" in outcome.out, outcome.err
    assert {path.name for path in out.iterdir()} == {
        *("coarse", "two", "heat", "comparison.csv", "comparison.json", "comparison.html")
    }
    lines = outcome.out.splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("pipeline "))
    assert [line.split()[0] for line in lines[place : place + 4]] == ["pipeline", "coarse", "two", "heat"]
    with (out / "comparison.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    for name, row in rows.items():
        own = json.loads((out / name / "results.json").read_text())
        every = own["summary"][0]
        for figure in ("rate_verse", "rate_verse_4mm", "rate_original", "mean_mm"):
            assert float(row[figure]) == pytest.approx(every[figure], abs=1e-4)
        assert (row["scans"], row["levels"], row["rate_verse_ci95_low"]) == ("2", "8", "1.0")
        assert own["settings"]["pipeline"] == str(models / f"{name}.toml")
        assert {path.name for path in (out / name).glob("first*")} >= {"first.png", "first_findings.json"}
    coarse = json.loads((out / "coarse" / "results.json").read_text())
    assert [model["task"] for model in coarse["models"]] == ["spine_heatmap", "vertebra_heatmaps", "vertebra_masks"]
    dice = coarse["segmentation"][0]["dice"]
    assert float(rows["coarse"]["dice"]) == pytest.approx(dice, abs=1e-4) and dice > 0.3
    assert rows["two"]["dice"] == rows["heat"]["dice"] == "" and rows["coarse"]["title"] == "Coarse to fine"
    assert rows["heat"]["tasks"] == "spine_heatmap vertebra_heatmaps"
    naming = [json.loads((out / name / "results.json").read_text())["settings"]["naming"] for name in ("two", "heat")]
    assert naming == ["decoder", "published"]
    page = (out / "comparison.html").read_text()
    assert 'href="coarse/report.html"' in page and "Coarse to fine" in page and "4 of 4" in page

    read: list[str] = []
    whole = scan_work.load_scan

    def watched(case: Case, **how: object) -> Scan:
        read.append(case.case_id)
        return whole(case, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(scan_work, "load_scan", watched)
    (out / "two" / "second_centroids.json").unlink()
    before = (out / "comparison.csv").read_text().splitlines()
    again = ("measure", scans, *pipelines(models, "coarse", "two", "heat"), "--output", out, "--skip-existing")
    assert run(*again).code == 0 and read == ["second"], "each pipeline resumes independently"
    after = (out / "comparison.csv").read_text().splitlines()
    assert [line.rsplit(",", 1)[0] for line in after] == [line.rsplit(",", 1)[0] for line in before]
    require_error(run(*again, "--votes", "published"), "first was measured with other models or options before")
    read.clear()
    (out / "coarse" / "second_centroids.json").unlink()
    changed = json.loads((out / "heat" / "first_findings.json").read_text())
    changed["conditions"]["options"]["naming"] = "chain"
    (out / "heat" / "first_findings.json").write_text(json.dumps(changed))
    require_error(run(*again), "first was measured with other models or options before")
    assert not read, "all pipelines are checked before the first runs"


def test_only_scans_that_every_pipeline_measured_are_compared(
    run: Run, scans: Path, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "first.lml").write_bytes((scans / "first.lml").read_bytes())
    given = toml(models, "given", ["models/vertebra_masks.h5"], f'landmarks = "{tmp_path / "given"}"')
    out = tmp_path / "out"
    outcome = run("measure", scans, *pipelines(models, "two"), "--pipeline", given, "--output", out)
    require_error(outcome, "given/second could not be measured")
    assert "3 of 4 scans measured" in outcome.out and "could measure them: second" in outcome.out
    compared = json.loads((out / "comparison.json").read_text())
    assert compared["left_out"] == ["second"] and [row["levels"] for row in compared["pipelines"]] == [4, 4]
    assert json.loads((out / "two" / "results.json").read_text())["summary"][0]["scans"] == 2


def test_phantoms_are_compared_too(run: Run, models: Path, tmp_path: Path) -> None:
    requested = ("phantom:1:lumbar:seed=5", *pipelines(models, "detect", "two"), "--output", tmp_path / "out")
    toml(models, "detect", ["models/detection.h5"])
    outcome = run("measure", *requested)
    assert outcome.code == 0 and "2 of 2 scans measured" in outcome.out
    detect, two = json.loads((tmp_path / "out" / "comparison.json").read_text())["pipelines"]
    assert (detect["scans"], detect["scored"], detect["false_names"]) == (1, 0, None)
    assert two["scored"] == 1 and two["levels"] >= 5 and np.isfinite(two["seconds_per_scan"])


def test_wrong_usage_is_reported_in_one_line_and_writes_nothing(
    run: Run, scans: Path, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    twin = toml(tmp_path / "other", "two", [str(models / "models" / "detection.h5")])
    broken = tmp_path / "broken.h5"
    broken.write_text("no model")

    def wrong(name: str, models_of: list[str], more: str = "") -> Path:
        return toml(tmp_path, name, [str(models / "models" / f"{task}.h5") for task in models_of], more)

    unknown = wrong("unknown", ["detection"], 'colour = "red"')
    missing = wrong("missing", ["nowhere"])
    empty = wrong("empty", [])
    order = wrong("order", ["identification", "detection"])
    needs = wrong("needs", ["vertebra_masks"])
    damaged = toml(tmp_path, "damaged", ["broken.h5"])
    stage = wrong("stage", ["detection"], 'stop_after = "naming"')
    finders = wrong("finders", ["vertebra_heatmaps"], f'landmarks = "{scans}"')
    two, before = models / "two.toml", everything(tmp_path)
    for arguments, words in (
        (("--pipeline", two, models / "models" / "detection.h5"), "The TOML of --pipeline names the models"),
        (("--pipeline", two, "--pipeline", twin), "names must differ"),
        (("--pipeline", two, "--pipeline", two), "names must differ"),
        (("--pipeline", tmp_path / "nowhere.toml"), "cannot be read"),
        (("--pipeline", broken), "is no TOML"),
        (("--pipeline", two, "--pipeline", unknown), "has the unknown key colour"),
        (("--pipeline", two, "--pipeline", missing), "there is no model file"),
        (("--pipeline", empty), "models is a list of model files"),
        (("--pipeline", two, "--pipeline", order), "detection, identification. Received: identification, det"),
        (("--pipeline", two, "--pipeline", needs), "needs.toml: None of the models finds landmarks"),
        (("--pipeline", two, "--pipeline", damaged), "damaged.toml: broken.h5 is not an HDF5 file"),
        (("--pipeline", stage), "stage.toml: The stage to stop after"),
        (("--pipeline", finders), "finders.toml: Landmarks are supplied"),
        (("--keypoints", "--pipeline", two), "--keypoints allows no --pipeline"),
    ):
        require_error(run("measure", scans, *arguments, "--output", tmp_path / "out"), words)
    assert everything(tmp_path) == before
