"""Averaging the weights of trained networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learning_functions.model_files.model_file import change_card, load_model, read_card, save_model
from learning_functions.task import load_task
from learning_functions.training.warm_start.averaging import average, main
from tests.tiny import tiny_settings


def saved(path: Path, level: float, name: str = "detection", filters: int = 2) -> Path:
    """A model all of whose weights are ``level``."""
    settings = tiny_settings(name, filters=filters)
    network = load_task(name).network(settings)
    network.set_weights([np.full_like(weight, level) for weight in network.get_weights()])
    save_model(network, path, {"task": name, "spec": settings.spec.to_json(), "settings": settings.to_json()})
    return path


def test_weights_are_means_and_the_card_names_all_models(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{level}.h5", level) for level in (1.0, 2.0, 6.0)]
    assert main([*map(str, paths), "--output", str(tmp_path / "out.h5")]) == 0
    network, card = load_model(tmp_path / "out.h5")
    assert all(np.allclose(weight, 3.0) for weight in network.get_weights())
    assert [each["file"] for each in card["averaged_from"]] == ["1.0.h5", "2.0.h5", "6.0.h5"]


def test_models_that_do_not_fit_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, out = saved(tmp_path / "first.h5", 1.0), tmp_path / "out.h5"
    for others, target, message in (
        ([], out, "two or more models"),
        ([saved(tmp_path / "wide.h5", 1.0, filters=4)], out, "the same layers"),
        ([saved(tmp_path / "other.h5", 1.0, "panoptic")], out, "one task and specification"),
        ([saved(tmp_path / "second.h5", 1.0)], first, "written over"),
        ([tmp_path / "none.h5"], out, "no model file"),
    ):
        assert main([str(first), *map(str, others), "--output", str(target)]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert not out.exists()


def test_the_average_of_a_model_with_itself_is_the_model(tmp_path: Path) -> None:
    one, two = saved(tmp_path / "one.h5", 0.25), saved(tmp_path / "two.h5", 0.25)
    average([one, two], tmp_path / "out.h5")
    for weight, mean in zip(
        load_model(one)[0].get_weights(), load_model(tmp_path / "out.h5")[0].get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weight, mean)


def test_a_card_written_before_a_field_of_the_specification_existed_means_its_default(tmp_path: Path) -> None:
    paths = [saved(tmp_path / name, 0.0) for name in ("old.h5", "new.h5")]
    card = read_card(paths[0])
    change_card(paths[0], {**card, "spec": {key: value for key, value in card["spec"].items() if key != "flatten_mm"}})
    average(paths, tmp_path / "mean.h5")
    assert read_card(tmp_path / "mean.h5")["averaged_from"]
