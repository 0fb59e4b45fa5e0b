"""Plans from TOML, and one sentence about unusable ones before any model is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from learning_functions.measure.pipeline_file import plans_of, read_plan
from learning_functions.measure.plan import Plan
from learning_functions.options import OPTION_NAMES, InferenceOptions, usual_value
from learning_functions.predict.initial_findings import InitialFindings
from learning_functions.predict.stage_order import Outline, outlines, refuse_landmark_models, until
from learning_functions.task import load_task
from tests.oracle import oracle_models
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case

CASES = [Case("scan", Path("scan.nii.gz"))]
ASKED: dict[str, Any] = {
    **{name: usual_value(name) for name in OPTION_NAMES},
    **{"pipeline": None, "models": []},
}


def outlined(*tasks: str) -> list[Outline]:
    """Models of which only the tasks matter."""
    return [Outline(Path(f"{task}.h5"), task, load_task(task)) for task in tasks]


def toml(folder: Path, text: str, name: str = "way.toml") -> Path:
    """A TOML beside two files that may be models."""
    for model in ("detection.h5", "identification.h5"):
        (folder / model).touch()
    path = folder / name
    path.write_text(text)
    return path


BOTH = 'models = ["detection.h5", "identification.h5"]\n'


def test_options_of_a_pipeline_override_the_command_line(tmp_path: Path) -> None:
    own = ('title = "Two stages"', 'naming = "chain"', 'stop_after = "detection"', 'landmarks = "by hand"')
    path = toml(tmp_path, BOTH + "\n".join(own))
    plan = read_plan(path, {**ASKED, "naming": "published", "votes": "published", "memory_gb": 2.0})
    assert plan.models == (tmp_path / "detection.h5", tmp_path / "identification.h5")
    assert (plan.name, plan.title) == ("way", "Two stages")
    assert plan.options == InferenceOptions(
        memory_gb=2.0, naming="chain", votes="published", stop_after="detection", landmarks=tmp_path / "by hand"
    )
    assert plan.initial == InitialFindings(landmarks=tmp_path / "by hand")
    assert (
        plan.requested["naming"] == "chain"
        and plan.requested["pipeline"] == path
        and plan.requested["models"] == [*plan.models]
    )
    assert read_plan(toml(tmp_path, BOTH, "plain.toml"), ASKED).title == "plain"


def test_without_a_pipeline_the_options_are_the_plan() -> None:
    (plan,) = plans_of({**ASKED, "models": [Path("a.h5")], "truncated": "drop", "stop_after": "detection"})
    assert plan.models == (Path("a.h5"),)
    assert plan.options == InferenceOptions(truncated="drop", stop_after="detection")
    assert plan.name == "" and not plan.initial


WRONG = [
    ("models = [", "is no TOML"),
    ('models = "detection.h5"', "models is a list of model files"),
    ("models = []", "models is a list of model files"),
    ("models = [3]", "models is a list of model files"),
    ('title = "none"', "models is a list of model files"),
    ('models = ["nowhere.h5"]', "there is no model file"),
    ('models = ["."]', "there is no model file"),
    (BOTH + 'colour = "red"', "has the unknown key colour; a pipeline has models, title, memory_gb, device, precision"),
    (BOTH + "title = 3", "title is a text in quotes, but it is 3"),
    (BOTH + 'naming = "guess"', "naming is one of decoder, chain, published. Received: 'guess'"),
    (BOTH + 'windows = "round"', "windows is one of tiles, published"),
    (BOTH + 'votes = "none"', "votes is one of ordered, published"),
    (BOTH + 'truncated = "some"', "truncated is one of keep, flag, drop"),
    (BOTH + 'lowest = "S1"', "lowest vertebra is one of"),
    (BOTH + 'stop_after = "lunch"', "A stage to stop after is a task"),
    (BOTH + 'landmarks = ""', "landmarks is a text in quotes"),
    (BOTH + "memory_gb = 0", "number of GB above 0"),
    (BOTH + 'memory_gb = "much"', "memory_gb is a number"),
    (BOTH + "save_intermediate = 1", "save_intermediate is true or false"),
    (BOTH + 'landmarks = "x"\nlowest = "L5"', "are not named by the lowest"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_an_unusable_toml_is_reported_by_name(text: str, words: str, tmp_path: Path) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(BrokenFile) as caught:
        read_plan(path, ASKED)
    assert str(caught.value).startswith(f"{path}: ") and words in str(caught.value)


def test_a_file_that_is_no_toml_is_reported(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\xff")
    with pytest.raises(BrokenFile, match=r"model.h5: is no TOML"):
        read_plan(tmp_path / "model.h5", ASKED)
    with pytest.raises(BrokenFile, match=r"nowhere.toml: cannot be read \(No such file"):
        read_plan(tmp_path / "nowhere.toml", ASKED)
    with pytest.raises(BrokenFile, match="cannot be read"):
        read_plan(tmp_path, ASKED)


def test_pipelines_of_one_name_and_models_beside_them_are_refused(tmp_path: Path) -> None:
    path = toml(tmp_path, BOTH)
    (tmp_path / "other").mkdir()
    same = toml(tmp_path / "other", BOTH)
    with pytest.raises(ValueError, match=r"names must differ. Received: .*way.toml, .*other/way.toml"):
        plans_of({**ASKED, "pipeline": [path, same]})
    with pytest.raises(ValueError, match=r"leave out others\. Received: a\.h5"):
        plans_of({**ASKED, "pipeline": [path], "models": [Path("a.h5")]})


def plan_of(file: Path | None = None, **options: Any) -> Plan:
    return Plan((Path("a.h5"),), InferenceOptions(**options), file=file)


def test_the_models_of_a_toml_run_in_the_order_written_there() -> None:
    plan = plan_of(Path("way.toml"))
    models = outlined("detection", "vertebra_heatmaps", "identification", "vertebra_masks")
    assert plan.chosen(models, CASES) == models
    swapped = outlined("detection", "identification", "vertebra_heatmaps", "vertebra_masks")
    assert plan.chosen(swapped, CASES) == swapped
    wrong = outlined("identification", "detection")
    with pytest.raises(ValueError, match=r"^way.toml: Models are named in the order in which they can run, dete"):
        plan.chosen(wrong, CASES)
    assert plan_of().chosen(wrong, CASES) == wrong[::-1]


def test_nothing_runs_after_the_last_stage() -> None:
    models = outlined("vertebra_masks", "vertebra_heatmaps", "spine_heatmap")
    for stage, count in (("spine_heatmap", 1), ("vertebra_heatmaps", 2), ("vertebra_masks", 3)):
        run = plan_of(stop_after=stage).chosen(models, CASES)
        assert run == models[::-1][:count]
    with pytest.raises(ValueError, match=r"one of the models' tasks, spine_heatmap. Received: naming"):
        until(models[2:], "naming")


@pytest.mark.parametrize("task", ["identification", "vertebra_heatmaps", "naming"])
def test_models_that_find_or_name_landmarks_do_not_run_beside_given_ones(task: str) -> None:
    with pytest.raises(ValueError, match=rf"Landmarks are supplied.*Received: {task}.h5 \({task}\)"):
        refuse_landmark_models(outlined("detection", task))


def test_models_that_start_from_landmarks_run_beside_given_ones(tmp_path: Path) -> None:
    plan = plan_of(landmarks=tmp_path)
    models = outlined("vertebra_masks", "instances")
    assert [model.task_name for model in plan.chosen(models, CASES)] == ["instances", "vertebra_masks"]
    with pytest.raises(ValueError, match="None of the models finds landmarks"):
        plan_of().chosen(outlined("vertebra_masks"), CASES)


def test_continuing_from_findings_needs_models() -> None:
    for option in ("landmarks", "from_results"):
        with pytest.raises(ValueError, match="must be named"):
            Plan((), InferenceOptions(**{option: Path("x")}))


def test_models_are_described_by_cards_without_loading_them(tmp_path: Path) -> None:
    paths = oracle_models(tmp_path)
    assert [each.task_name for each in outlines(paths) or []] == ["detection", "identification"]
    old = Path(__file__).parents[1] / "fixtures" / "old_keras" / "detection_keras_2_15_0.h5"
    assert outlines([old]) is None, "a model without a card is known when it is loaded"
    with pytest.raises(BrokenFile, match="There is no model file"):
        outlines([tmp_path / "nowhere.h5"])


def test_missing_files_are_reported_before_any_model_is_loaded(tmp_path: Path) -> None:
    for given, words in (
        ({"landmarks": tmp_path / "nowhere"}, "no such file or folder of landmarks"),
        ({"landmarks": tmp_path}, "no landmark file for any of the scans, such as scan.json"),
        ({"from_results": tmp_path / "nowhere"}, "no such folder of results"),
        ({"from_results": tmp_path}, "--save-intermediate"),
    ):
        with pytest.raises(ValueError, match=words):
            plan_of(**given).require_sound(CASES)
    (tmp_path / "scan.csv").touch()
    with pytest.raises(ValueError, match="for 2 scans"):
        plan_of(landmarks=tmp_path / "scan.csv").require_sound([*CASES, Case("b", Path("b.nii"))])


def test_a_toml_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    model = tmp_path / "a.h5"
    model.write_bytes(b"")
    path = toml(tmp_path, "")
    path.write_text('models = ["a.h5"]\n', encoding="utf-8-sig")
    assert (
        read_plan(path, ASKED).model_paths
        == read_plan(toml(tmp_path, 'models = ["a.h5"]', "b.toml"), ASKED).model_paths
    )
