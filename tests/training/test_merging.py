"""A network that finds and one that draws, joined in one file that answers as either does."""

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
from learning_functions.training.warm_start.merging import join, main
from learning_functions.training.warm_start.two_branch import DRAWS, FINDS
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
    finder = saved(FINDS, tiny(FINDS, threshold=0.4), folder / "finder.h5", 1)
    drawer = saved(DRAWS, tiny(DRAWS, sigma_mm=4.0), folder / "drawer.h5", 2)
    join(finder, drawer, folder / "pair.h5")
    return finder, drawer, folder / "pair.h5"


def batch(prompted: bool) -> np.ndarray:
    rng = np.random.default_rng(3)
    seen = rng.random((2, 16, 16, 16, 3), np.float32)
    seen[..., 1] = seen[..., 1] > 0.5
    seen[..., 2] *= 230 * prompted
    return seen


def test_without_a_mark_it_answers_as_the_finder_and_with_one_as_the_drawer(models: tuple[Path, Path, Path]) -> None:
    finder, drawer, pair = (keras.models.load_model(path, compile=False) for path in models)
    for prompted in (False, True):
        seen = batch(prompted)
        found = pair.predict_on_batch(seen)
        finds, draws = finder.predict_on_batch(seen[..., :2]), drawer.predict_on_batch(seen[..., [0, 2]])
        np.testing.assert_allclose(found["mask"], draws if prompted else finds["mask"], atol=1e-6)
        for name in ("complete", "level"):
            np.testing.assert_allclose(found[name], finds[name], rtol=1e-5, atol=1e-6)


def test_in_one_batch_each_sample_is_answered_for_itself(models: tuple[Path, Path, Path]) -> None:
    pair = load_model(models[2])[0]
    mixed = np.concatenate([batch(False)[:1], batch(True)[:1]])
    both = [pair.predict_on_batch(batch(prompted))["mask"][0] for prompted in (False, True)]
    np.testing.assert_allclose(pair.predict_on_batch(mixed)["mask"], np.stack(both), atol=1e-6)


def test_a_look_runs_one_half_alone(models: tuple[Path, Path, Path]) -> None:
    pair = load_model(models[2])[0]
    unmarked, prompted = branches(pair)
    assert branches(pair)[0] is unmarked, "made once"
    assert unmarked.count_params() + prompted.count_params() == pair.count_params()
    for half, told in ((unmarked, False), (prompted, True)):
        mask = half.predict_on_batch(batch(told))["mask"]
        np.testing.assert_allclose(mask, pair.predict_on_batch(batch(told))["mask"], atol=1e-6)
    plain = load_model(models[0])[0]
    assert branches(plain) == (plain, plain)


def test_the_card_tells_both_and_how_it_is_run(models: tuple[Path, Path, Path]) -> None:
    model = TrainedModel.load(models[2])
    options = model.settings.options
    assert model.task_name == FINDS and options.second_pass
    assert model.settings.preset == options.graph == "pair"
    assert (options.threshold, options.prompt_sigma_mm) == (0.4, 4.0)
    assert options.prompt_offset_mm == tiny(DRAWS).options.offset_mm
    assert {name: each["file"] for name, each in model.card["joined_from"].items()} == {
        "finder": "finder.h5",
        "drawer": "drawer.h5",
    }
    assert model.card["training"] == {"seed": 1, "drawer": {"seed": 2}}


def test_the_drawer_of_a_pair_is_replaced(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    finder, _, pair = models
    better = saved(DRAWS, tiny(DRAWS, sigma_mm=5.0), tmp_path / "better.h5", 4)
    join(pair, better, tmp_path / "of_pair.h5")
    join(finder, better, tmp_path / "of_both.h5")
    (replaced, card), (afresh, its_card) = (load_model(tmp_path / name) for name in ("of_pair.h5", "of_both.h5"))
    assert all(np.array_equal(a, b) for a, b in zip(replaced.get_weights(), afresh.get_weights(), strict=True))
    assert card == its_card
    assert card["settings"]["options"]["prompt_sigma_mm"] == 5.0
    with pytest.raises(ValueError, match="written over"):
        join(pair, better, pair)


def test_the_command_writes_the_same_or_says_in_one_line_what_is_wrong(
    models: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finder, drawer, pair = models
    assert main([str(finder), str(drawer), str(tmp_path / "again.h5")]) == 0
    again, first = (load_model(path)[0].get_weights() for path in (tmp_path / "again.h5", pair))
    assert all(np.array_equal(a, b) for a, b in zip(again, first, strict=True))
    narrow = tiny(DRAWS)
    other = saved(DRAWS, narrow.changed(spec=replace(narrow.spec, window=(-500.0, 500.0))), tmp_path / "other.h5", 3)
    for given, told in (
        ((drawer, finder), "A model of instances is needed"),
        ((finder, finder), "A model of vertebra_masks is needed"),
        ((finder, pair), "A model of vertebra_masks is needed"),
        ((finder, other), "must see and be built alike"),
        ((finder, tmp_path / "none.h5"), "There is no model file"),
    ):
        capsys.readouterr()
        assert main([*map(str, given), str(tmp_path / "new.h5")]) == 2
        said = capsys.readouterr().err
        assert told in said and said.count("\n") == 1
    assert not (tmp_path / "new.h5").exists()
    assert main([str(finder), str(drawer), str(tmp_path / "new.txt")]) == 2


def test_neither_of_the_two_is_written_over(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    kept = {path: path.read_bytes() for path in models[:2]}
    aside = tmp_path / "aside.h5"
    aside.symlink_to(models[0])
    for out in (*kept, models[1].parent / ".." / models[1].parent.name / models[1].name, aside):
        with pytest.raises(ValueError, match=r"written over one of the two\. Received: "):
            join(*models[:2], out)
    assert all(path.read_bytes() == told for path, told in kept.items())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"counted": True}, r"A finder that counts, or refines its masks, is not joined\. Received: counted True\."),
        ({"refine_mm": (1.0, 1.0, 1.0)}, r"is not joined\. Received: refine_mm \(1\.0, 1\.0, 1\.0\)\."),
        ({"mirrored_inference": False}, "Received: mirrored_inference False and True"),
    ],
)
def test_finders_that_do_not_go_with_a_drawer_are_refused(
    models: tuple[Path, Path, Path], tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    finder = saved(FINDS, tiny(FINDS, **options), tmp_path / "finder.h5", 1)
    with pytest.raises(ValueError, match=told):
        join(finder, models[1], tmp_path / "new.h5")
    assert not (tmp_path / "new.h5").exists()


def test_a_drawer_that_is_not_asked_about_mirror_images_goes_with_such_a_finder(
    models: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    drawer = saved(DRAWS, tiny(DRAWS, mirrored_inference=False), tmp_path / "drawer.h5", 2)
    with pytest.raises(ValueError, match="Received: mirrored_inference True and False"):
        join(models[0], drawer, tmp_path / "new.h5")
    finder = saved(FINDS, tiny(FINDS, mirrored_inference=False), tmp_path / "finder.h5", 1)
    join(finder, drawer, tmp_path / "new.h5")
    assert (tmp_path / "new.h5").exists()
