"""The folds of train.py on a cluster are those of one machine, though a worker is killed amid an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

from learning_functions.generate.generation import cases_of_one_split, generate
from learning_functions.model_files.model_file import CARD, read_card
from learning_functions.runtime import cluster as cluster_module
from learning_functions.training import cross_validation
from tests import ended_training
from tests.alike import without_seconds
from tests.scripts.outcome import Run, require_error
from tests.small_cluster import SmallCluster, begun, small_cluster
from tests.tiny import tiny_settings

pytest.importorskip("distributed")
OPTIONS = ("--folds", 2, "--epochs", 2, "--device", "cpu")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    with small_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two patients in one file."""
    path = tmp_path_factory.mktemp("samples") / "all.h5"
    cases = cases_of_one_split(Path("phantom:2:lumbar"), None, phantom_seed=3)
    generate("detection", cases, path, tiny_settings("detection", samples_per_scan=2), seed=3, workers=1)
    return path


def parts(model: Path) -> dict[str, Any]:
    """Everything in a model file, by its place; the card without seconds."""
    found: dict[str, Any] = {"card": without_seconds(read_card(model))}

    def take(name: str, part: Any) -> None:
        found.update({f"{name}@{key}": str(value) for key, value in part.attrs.items() if key != CARD})
        if isinstance(part, h5py.Dataset):
            found[name] = part[()].tobytes()

    with h5py.File(model) as file:
        take("", file)
        file.visititems(take)
    return found


def test_folds_on_workers_one_of_them_killed_are_those_of_one_machine(
    run: Run, three: SmallCluster, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    alone = run("train", samples, here / "m.h5", *OPTIONS)
    assert alone.code == 0, alone.err
    monkeypatch.setattr(cross_validation, "trained_run", ended_training.trained_unless_ended)
    monkeypatch.chdir(tmp_path)  # whose relative paths the workers do not know
    shared = run("train", samples, "there/m.h5", *OPTIONS, "--scheduler", three.file)
    assert shared.code == 0, shared.err
    assert begun(lambda: sum(worker.poll() is not None for worker in three.workers) == 1)
    assert "Resuming after epoch 1 of 2." in shared.err and shared.err.count("Resuming") == 1
    assert shared.out == alone.out.replace(str(here), str(there))  # the lines of the folds, and their table
    assert "2/2" in shared.err  # the bar
    for number in range(2):
        mine, other = (parts(folder / f"m_fold{number}.h5") for folder in (here, there))
        assert len(mine) > 20 and list(mine) == list(other)
        assert [name for name in mine if mine[name] != other[name]] == []
    assert (here / "m_folds.csv").read_bytes() == (there / "m_folds.csv").read_bytes()


def test_a_fold_whose_process_ends_each_time_is_told_after_the_others(
    run: Run, three: SmallCluster, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cross_validation, "trained_run", ended_training.always_ended)
    outcome = run("train", samples, tmp_path / "m.h5", *OPTIONS, "--scheduler", three.address)
    require_error(outcome, "m_fold0.h5 was not trained: Its process ended with code 9")
    assert "The same line with --resume goes on." in outcome.errors[0]
    assert outcome.out.count("Best of 1 epochs") == 1 and not (tmp_path / "m_folds.csv").exists()


def test_samples_that_a_worker_does_not_see_are_told(
    run: Run, three: SmallCluster, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "seen", lambda paths: {f"/nowhere/{path.name}": 4 for path in paths})
    outcome = run("train", samples, tmp_path / "m.h5", *OPTIONS, "--scheduler", three.address)
    require_error(outcome, "sees no /nowhere/all.h5: files and results must lie in a folder that all machines share")
    assert not list(tmp_path.iterdir())


def test_one_training_has_nothing_to_share(run: Run, samples: Path, tmp_path: Path) -> None:
    outcome = run("train", samples, samples, tmp_path / "m.h5", "--scheduler", "tcp://node:1")
    require_error(outcome, "one training has nothing to share. Received: --scheduler tcp://node:1")


def test_an_address_without_a_scheduler_and_a_missing_extra_are_told(
    run: Run, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "SECONDS_TO_ANSWER", 0.5)
    train = ("train", samples, tmp_path / "m.h5", *OPTIONS, "--scheduler")
    require_error(run(*train, "tcp://127.0.0.1:9"), "No scheduler answers at tcp://127.0.0.1:9 within 0.5 seconds")
    require_error(run(*train, "node"), "Received: --scheduler node")
    monkeypatch.setattr(cluster_module.importlib.util, "find_spec", lambda name: None)
    require_error(run(*train, "tcp://127.0.0.1:9"), "pip install spine-levels[cluster]")
    assert not list(tmp_path.iterdir())
