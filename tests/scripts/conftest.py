"""The main job once for all tests of the scripts: phantoms, samples of both tasks, and two models with 2 filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import generate_samples
import measure
import train
from learning_functions.measure import scan_work
from tests.oracle import oracle_models
from tests.scripts.outcome import Outcome, Run
from tests.tiny import write_data_set
from utility_functions.files.cases import Case, Scan

SCRIPTS = {"generate_samples": generate_samples.main, "train": train.main, "measure": measure.main}


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a script by its main(argv), as the command line would."""

    def script(name: str, *arguments: object) -> Outcome:
        capfd.readouterr()
        try:
            code = SCRIPTS[name]([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        return Outcome(code, *capfd.readouterr())

    return script


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scans that are read, one after another."""
    read: list[str] = []
    whole = scan_work.load_scan

    def watched(case: Case, **how: Any) -> Scan:
        read.append(case.case_id)
        return whole(case, **how)

    monkeypatch.setattr(scan_work, "load_scan", watched)
    return read


@pytest.fixture(scope="session")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four phantoms with a manifest: training, validation, and two for testing."""
    return write_data_set(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def samples(data_set: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Sample files by task and split."""
    folder = tmp_path_factory.mktemp("samples")
    found = {}
    for task in ("detection", "identification"):
        for split in ("training", "validation"):
            path = folder / task / f"{split}.h5"
            options = ("--split", split, "--preset", "small", "--samples-per-scan", "2", "--workers", "1")
            assert generate_samples.main([task, str(data_set), str(path), *options]) == 0
            found[task, split] = path
    return found


@pytest.fixture
def pair(samples: dict[tuple[str, str], Path]) -> tuple[Path, Path]:
    """Detection samples for training and validation."""
    return samples["detection", "training"], samples["detection", "validation"]


@pytest.fixture(scope="session")
def models(samples: dict[tuple[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Detection and identification, trained for one epoch."""
    folder = tmp_path_factory.mktemp("models")
    found = []
    for task in ("detection", "identification"):
        path = folder / f"{task}.h5"
        paths = (samples[task, "training"], samples[task, "validation"], path)
        assert train.main([*map(str, paths), "--filters", "2", "--epochs", "1", "--device", "cpu"]) == 0
        found.append(path)
    return found


@pytest.fixture(scope="session")
def oracles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Models that are correct on the scans of tests/oracle.py."""
    return oracle_models(tmp_path_factory.mktemp("oracles"))
