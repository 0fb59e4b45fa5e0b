"""The recipe of ``make verse`` and ``make spider`` on miniatures from a server on this machine, to the scores."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from experiments.public_training import Options, Runner, main, steps, systems_of
from learning_functions.model_files.model_file import load_model
from learning_functions.samples.store.sample_store import open_store
from learning_functions.task import load_task
from learning_functions.training.planned_runs import planned
from spine_levels.cli import spine_measure, spine_samples, spine_train
from tests.published import Publisher, overview, published, publisher, write_spider, write_verse, zipped
from tests.tiny import phantom
from utility_functions.anatomy.structures import spider_map, structures_of
from utility_functions.datasets import __main__ as datasets
from utility_functions.datasets.public_sets import PUBLIC_SETS
from utility_functions.files.images import read_label_map
from utility_functions.files.manifest import find_cases
from utility_functions.phantom.scanner import make_phantom
from utility_functions.phantom.tissue import TISSUES

SCRIPTS = {"generate_samples.py": spine_samples, "train.py": spine_train, "measure.py": spine_measure}
TINY = ("--samples", "--samples-per-scan 2 --workers 1", "--training", "--filters 2 --epochs 1 --device cpu")


def noting(server: Publisher, name: str, scans: int, seen: list[Any]) -> Runner:
    """Runs every step in this process; ``seen`` gets what training and measuring start with."""
    sets = {name: published(PUBLIC_SETS[name], server, scans)}

    def run(command: Sequence[str]) -> int:
        if command[0] == "-m":
            return datasets.main(command[2:], sets)
        if command[0] == "generate_samples.py":
            return spine_samples.main(list(command[1:]))
        if command[0] == "train.py":
            found = spine_train.parser().parse_intermixed_args(command[1:])
            [planned_run] = planned((found.training, found.validation, found.model))
            seen.append(
                (planned_run.model.name, open_store(found.training).case_ids, open_store(found.validation).case_ids)
            )
            return spine_train.main(list(command[1:]))
        else:
            found = spine_measure.parser().parse_intermixed_args(command[1:])
            cases = find_cases(found.scans, found.split)
            seen.append(([path.name for path in found.models], [case.case_id for case in cases if case.label_map_path]))
            return spine_measure.main(list(command[1:]))

    return run


def verse_archives(root: Path) -> dict[str, bytes]:
    for number, split in enumerate(("training", "validation", "test")):
        made = phantom(number)
        write_verse(root / split, f"sub-verse{number:03d}", made.volume, made.label_map, made.landmarks)
    return {f"dataset-verse19{path.name}.zip": zipped(path) for path in root.iterdir()}


def spider_archives(root: Path) -> dict[str, bytes]:
    subsets = {"1_t2": "training", "2_t2": "training", "3_t2": "validation"}
    for number, name in enumerate(subsets):
        made = make_phantom(np.random.default_rng(number), name, "lumbar", 4.0, kind="mr-t2")
        labels = spider_map(made.label_map, structures_of(made.label_map, "verse", made.tissues, TISSUES))
        write_spider(root, name, made.volume, labels)
    tables = {"overview.csv": overview(subsets), "radiological_gradings.csv": b"Patient,IVD label\n"}
    return {f"{path.name}.zip": zipped(path, path.name) for path in root.iterdir()} | tables


def measured(folder: Path) -> list[str]:
    """The scans of a run's results, which are whole."""
    assert {"results.csv", "results.json", "report.html"} <= {path.name for path in folder.iterdir()}
    return [scan["case_id"] for scan in json.loads((folder / "results.json").read_text())["scans"]]


def test_make_verse_leads_from_the_archives_to_the_scores_of_the_test_split(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    seen: list[Any] = []
    words = ["verse19", "--data", str(tmp_path / "data"), "--output", str(tmp_path / "out"), "--systems", "two_stages"]
    words += ["--preset", "small", *TINY, "--measuring", "--memory-gb 2.5 --device cpu"]
    with publisher(verse_archives(tmp_path / "published")) as server:
        run = noting(server, "verse19", 3, seen)
        assert main(words, run) == 0
        parts = (("sub-verse000_ct",), ("sub-verse001_ct",))
        models = ["detection.h5", "identification.h5"]
        assert seen == [*((model, *parts) for model in models), (models, ["sub-verse002_ct"])]
        assert measured(tmp_path / "out" / "results_two_stages") == ["sub-verse002_ct"]
        server.asked.clear()
        again = steps("verse19", tmp_path / "data", tmp_path / "out", ["two_stages"], Options())
        assert [command[0] for command in again] == ["-m", "train.py", "train.py", "measure.py"], "samples are there"
        assert run(again[0]) == 0 and server.asked == []


def test_make_spider_holds_training_patients_out_and_measures_the_official_validation_split(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    seen: list[Any] = []
    words = ["spider", "--data", str(tmp_path / "data"), "--output", str(tmp_path / "out"), "--systems", "multiclass"]
    words += ["--preset", "small", "--samples", "--samples-per-scan 2 --workers 1 --spacing 8 4 4", *TINY[2:]]
    with publisher(spider_archives(tmp_path / "published")) as server:
        assert main([*words, "--measuring", "--device cpu"], noting(server, "spider", 3, seen)) == 0
    (model, training, validation), scans = seen
    assert model == "multiclass_mr.h5" and {*training, *validation} == {"1_t2", "2_t2"}
    assert len(training) == len(validation) == 1 and scans == (["multiclass_mr.h5"], ["3_t2"])
    assert measured(tmp_path / "out" / "results_multiclass") == ["3_t2"]


TINY_FORMS = {"multiclass_mr": "paper", "instances": "spider"}
"""The published forms for SPIDER, whose presets a test makes tiny."""


@pytest.fixture
def tiny_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """The presets of both forms with small patches of large voxels and few filters; all else as published."""
    for task_name, preset in TINY_FORMS.items():
        task = load_task(task_name)
        whole = task.presets[preset]
        spec = replace(whole.spec, spacing_mm=(8.0, 4.0, 4.0), patch=(16, 32, 32))
        tiny = whole.changed(spec=spec, filters=2, levels=3, samples_per_scan=2, epochs=1)
        monkeypatch.setattr(type(task), "presets", MappingProxyType({**task.presets, preset: tiny}))


def test_make_spider_scores_both_published_forms_per_structure_and_instance(tmp_path: Path, tiny_forms: None) -> None:
    (tmp_path / "published").mkdir()
    seen: list[Any] = []
    words = ["spider", "--data", str(tmp_path / "data"), "--output", str(tmp_path / "out")]
    words += ["--samples", "--workers 1", "--training", "--device cpu", "--measuring", "--device cpu"]
    archives = spider_archives(tmp_path / "published")
    with publisher(archives) as server:
        assert main(words, noting(server, "spider", 3, seen)) == 0
    unet, counted = (load_model(tmp_path / "out" / f"{task}.h5")[1] for task in TINY_FORMS)
    assert unet["settings"]["preset"] == "paper" and unet["settings"]["options"]["resized"]
    assert counted["settings"]["preset"] == "spider" and counted["settings"]["options"]["counted"]
    assert seen[-1] == (["multiclass_mr.h5", "instances.h5"], ["3_t2"])
    true = read_label_map(tmp_path / "data" / "masks" / "3_t2.mha").voxels
    numbers = {int(number) % 200 if number > 200 else int(number) for number in np.unique(true) if number}
    for form, tasks in (("multiclass", ["multiclass_mr"]), ("iterative", ["multiclass_mr", "instances"])):
        folder = tmp_path / "out" / f"results_{form}"
        results = json.loads((folder / "results.json").read_text())
        [scan] = results["scans"]
        assert scan["case_id"] == "3_t2" and not scan["problem"] and set(tasks) <= set(scan["seconds"])
        assert (folder / "3_t2_numbered.nii.gz").is_file()
        rows = scan["structures"]
        whole = {row["structure"]: row for row in rows if row["kind"] == "class"}
        single = [row for row in rows if row["kind"] == "instance"]
        assert list(whole) == ["vertebra", "disc", "canal"] and len(single) == len(np.unique(true)) - 1 >= len(numbers)
        for row in (*whole.values(), *single):
            assert 0 <= row["dice"] <= 1 and (row["assd_mm"] is not None or row["dice"] == 0)
        summary = {row["structure"]: row for row in results["structures"]}
        assert {"dice", "assd_mm", "instance_dice", "instance_assd_mm", "number_right"} <= set(summary["vertebra"])
        assert summary["vertebra"]["instances"] == sum(row["structure"] == "vertebra" for row in single)


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_every_step_of_every_system_is_a_command_that_its_script_knows(name: str, tmp_path: Path) -> None:
    for command in steps(name, tmp_path, tmp_path / "out", list(systems_of(name)), Options()):
        if command[0] == "-m":
            assert command[1:] == ["utility_functions.datasets", name, str(tmp_path)]
        else:
            found = SCRIPTS[command[0]].parser().parse_intermixed_args(command[1:])
            if command[0] == "generate_samples.py":
                assert found.preset in load_task(found.task).presets and found.preset != "small"


def test_a_step_that_fails_ends_the_recipe_with_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    codes = iter([0, 3])
    assert main(["verse20"], lambda command: next(codes)) == 3
    printed = capsys.readouterr()
    assert "== 2 of" in printed.out and printed.err == "error: this step ended with exit code 3.\n"


def test_a_system_that_is_not_of_the_data_set_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["spider", "--systems", "two_stages"])
    assert end.value.code == 2 and "the systems of spider are multiclass, iterative" in capsys.readouterr().err


def test_the_makefile_runs_the_recipe() -> None:
    text = (Path(__file__).resolve().parents[2] / "Makefile").read_text()
    assert re.search(r"^verse: .*\n.*-m experiments public_training \$\(VERSE\)", text, re.MULTILINE)
    assert re.search(r"^spider: .*\n.*-m experiments public_training spider", text, re.MULTILINE)
