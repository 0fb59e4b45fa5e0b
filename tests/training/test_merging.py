"""An iterative and a landmark-prompted segmenter, merged into one file that predicts as either does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from learning_functions.inference.iterative.iterative_segmenter import branches
from learning_functions.model_files.model_file import load_model, save_model
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.task import Settings, load_task
from learning_functions.training.warm_start.merging import main, merge
from learning_functions.training.warm_start.two_branch import PROMPTED_TASK, SEGMENTER_TASK
from tests.tiny import tiny_settings


def tiny(task: str, **options: Any) -> Settings:
    own = tiny_settings(task)
    return own.with_options(**{"graph": "unet", **options})


def saved(task: str, settings: Settings, path: Path, seed: int, **training: Any) -> Path:
    keras.utils.set_random_seed(seed)
    network = load_task(task).network(settings)
    card = {"task": task, "spec": settings.spec.to_json(), "settings": settings.to_json()}
    card["training"] = {"seed": seed, **training}
    save_model(network, path, card)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("joined")
    segmenter = saved(SEGMENTER_TASK, tiny(SEGMENTER_TASK, threshold=0.4), folder / "finder.h5", 1)
    prompted_segmenter = saved(PROMPTED_TASK, tiny(PROMPTED_TASK, sigma_mm=4.0), folder / "drawer.h5", 2)
    merge(segmenter, prompted_segmenter, folder / "pair.h5")
    return segmenter, prompted_segmenter, folder / "pair.h5"


def batch(prompted: bool) -> np.ndarray:
    rng = np.random.default_rng(3)
    inputs = rng.random((2, 16, 16, 16, 3), np.float32)
    inputs[..., 1] = inputs[..., 1] > 0.5
    inputs[..., 2] *= 230 * prompted
    return inputs


def test_the_landmark_prompt_selects_the_branch(models: tuple[Path, Path, Path]) -> None:
    segmenter, prompted_segmenter, pair = (keras.models.load_model(path, compile=False) for path in models)
    for prompted in (False, True):
        inputs = batch(prompted)
        found = pair.predict_on_batch(inputs)
        segmented, redone = (
            segmenter.predict_on_batch(inputs[..., :2]),
            prompted_segmenter.predict_on_batch(inputs[..., [0, 2]]),
        )
        np.testing.assert_allclose(found["mask"], redone if prompted else segmented["mask"], atol=1e-6)
        for name in ("complete", "level"):
            np.testing.assert_allclose(found[name], segmented[name], rtol=1e-5, atol=1e-6)


def test_each_sample_of_a_batch_is_predicted_independently(models: tuple[Path, Path, Path]) -> None:
    pair = load_model(models[2])[0]
    mixed = np.concatenate([batch(False)[:1], batch(True)[:1]])
    both = [pair.predict_on_batch(batch(prompted))["mask"][0] for prompted in (False, True)]
    np.testing.assert_allclose(pair.predict_on_batch(mixed)["mask"], np.stack(both), atol=1e-6)


def test_a_patch_prediction_runs_one_branch_alone(models: tuple[Path, Path, Path]) -> None:
    pair = load_model(models[2])[0]
    unmarked, prompted = branches(pair)
    assert branches(pair)[0] is unmarked, "made once"
    assert unmarked.count_params() + prompted.count_params() == pair.count_params()
    for half, has_prompt in ((unmarked, False), (prompted, True)):
        mask = half.predict_on_batch(batch(has_prompt))["mask"]
        np.testing.assert_allclose(mask, pair.predict_on_batch(batch(has_prompt))["mask"], atol=1e-6)
    plain = load_model(models[0])[0]
    assert branches(plain) == (plain, plain)


def test_the_card_names_both_and_its_inference_options(models: tuple[Path, Path, Path]) -> None:
    model = TrainedModel.load(models[2])
    options = model.settings.options
    assert model.task_name == SEGMENTER_TASK and options.second_pass
    assert model.settings.preset == options.graph == "pair"
    assert (options.threshold, options.prompt_sigma_mm) == (0.4, 4.0)
    assert options.prompt_offset_mm == tiny(PROMPTED_TASK).options.offset_mm
    assert {name: each["file"] for name, each in model.card["joined_from"].items()} == {
        "finder": "finder.h5",
        "drawer": "drawer.h5",
    }
    assert model.card["training"] == {"seed": 1, "drawer": {"seed": 2}}


def test_the_landmark_prompted_branch_is_replaced(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    segmenter, _, pair = models
    better = saved(PROMPTED_TASK, tiny(PROMPTED_TASK, sigma_mm=5.0), tmp_path / "better.h5", 4)
    merge(pair, better, tmp_path / "of_pair.h5")
    merge(segmenter, better, tmp_path / "of_both.h5")
    (replaced, card), (afresh, its_card) = (load_model(tmp_path / name) for name in ("of_pair.h5", "of_both.h5"))
    assert all(np.array_equal(a, b) for a, b in zip(replaced.get_weights(), afresh.get_weights(), strict=True))
    assert card == its_card
    assert card["settings"]["options"]["prompt_sigma_mm"] == 5.0
    with pytest.raises(ValueError, match="written over"):
        merge(pair, better, pair)


def test_the_command_writes_the_same_model_or_one_line_about_the_error(
    models: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segmenter, prompted_segmenter, pair = models
    assert main([str(segmenter), str(prompted_segmenter), str(tmp_path / "again.h5")]) == 0
    again, first = (load_model(path)[0].get_weights() for path in (tmp_path / "again.h5", pair))
    assert all(np.array_equal(a, b) for a, b in zip(again, first, strict=True))
    narrow = tiny(PROMPTED_TASK)
    other = saved(
        PROMPTED_TASK, narrow.changed(spec=replace(narrow.spec, window=(-500.0, 500.0))), tmp_path / "other.h5", 3
    )
    for given, message in (
        ((prompted_segmenter, segmenter), "Merging needs a model of instances"),
        ((segmenter, segmenter), "Merging needs a model of vertebra_masks"),
        ((segmenter, pair), "Merging needs a model of vertebra_masks"),
        ((segmenter, other), "need the same specification and size"),
        ((segmenter, tmp_path / "none.h5"), "There is no model file"),
    ):
        capsys.readouterr()
        assert main([*map(str, given), str(tmp_path / "new.h5")]) == 2
        output = capsys.readouterr().err
        assert message in output and output.count("\n") == 1
    assert not (tmp_path / "new.h5").exists()
    assert main([str(segmenter), str(prompted_segmenter), str(tmp_path / "new.txt")]) == 2


def test_neither_input_model_is_overwritten(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    kept = {path: path.read_bytes() for path in models[:2]}
    aside = tmp_path / "aside.h5"
    aside.symlink_to(models[0])
    for out in (*kept, models[1].parent / ".." / models[1].parent.name / models[1].name, aside):
        with pytest.raises(ValueError, match=r"written over one of the two\. Received: "):
            merge(*models[:2], out)
    assert all(path.read_bytes() == content for path, content in kept.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"counted": True}, r"A segmenter that counts or refines its masks is not merged\. Received: counted True\."),
        ({"refine_mm": (1.0, 1.0, 1.0)}, r"is not merged\. Received: refine_mm \(1\.0, 1\.0, 1\.0\)\."),
        ({"mirrored_inference": False}, "Received: mirrored_inference False and True"),
    ],
)
def test_segmenters_that_cannot_be_merged_are_refused(
    models: tuple[Path, Path, Path], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    segmenter = saved(SEGMENTER_TASK, tiny(SEGMENTER_TASK, **options), tmp_path / "finder.h5", 1)
    with pytest.raises(ValueError, match=message):
        merge(segmenter, models[1], tmp_path / "new.h5")
    assert not (tmp_path / "new.h5").exists()


def test_without_mirrored_inference_only_models_that_both_lack_it_are_merged(
    models: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    prompted_segmenter = saved(PROMPTED_TASK, tiny(PROMPTED_TASK, mirrored_inference=False), tmp_path / "drawer.h5", 2)
    with pytest.raises(ValueError, match="Received: mirrored_inference True and False"):
        merge(models[0], prompted_segmenter, tmp_path / "new.h5")
    segmenter = saved(SEGMENTER_TASK, tiny(SEGMENTER_TASK, mirrored_inference=False), tmp_path / "finder.h5", 1)
    merge(segmenter, prompted_segmenter, tmp_path / "new.h5")
    assert (tmp_path / "new.h5").exists()
