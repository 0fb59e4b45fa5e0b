"""Work on a cluster: the answers of one machine, whatever workers end; and what is told where it cannot run."""

from __future__ import annotations

import importlib.util
import logging
import os
import pickle
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from learning_functions.generate import generation
from learning_functions.runtime import cluster as cluster_module
from learning_functions.runtime.logs_of_work import collected_logs
from learning_functions.runtime.requested_workers import requested_workers
from learning_functions.runtime.shipped_work import OtherWorker
from learning_functions.runtime.workers import THIS_PROCESS, LocalWorkers
from tests import ended_workers
from tests.scripts.conftest import run as run
from tests.scripts.outcome import Run, require_error
from tests.small_cluster import PATIENCE_S, SmallCluster, begun, small_cluster
from tests.tiny import write_data_set

FEW = ("--preset", "small", "--samples-per-scan", "2")
pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_data_set(folder, ("training",) * 4)
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    with small_cluster(tmp_path_factory.mktemp("cluster"), workers=1) as found:
        yield found


@pytest.fixture(scope="module")
def at_home(data_set: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The samples that one process cuts."""
    import generate_samples

    path = tmp_path_factory.mktemp("home") / "samples.h5"
    assert generate_samples.main([*map(str, ("detection", data_set, path, *FEW, "--workers", 1))]) == 0
    return path.read_bytes()


def test_a_worker_that_is_killed_changes_no_sample(
    run: Run, data_set: Path, at_home: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "samples_of_case", ended_workers.samples_of_case_ended_once)
    monkeypatch.chdir(tmp_path)  # whose relative paths the workers do not know
    with small_cluster(tmp_path / "cluster") as three:
        outcome = run(
            "generate_samples", "detection", os.path.relpath(data_set), "s.h5", *FEW, "--scheduler", three.address
        )
        assert outcome.code == 0 and "8 samples of 4 scans" in outcome.out, outcome.err
        assert begun(lambda: sum(worker.poll() is not None for worker in three.workers) == 1)
    assert Path("s.h5").read_bytes() == at_home
    assert "4/4" in outcome.err  # the bar


def test_a_scan_that_ends_every_worker_is_left_out_and_no_other(
    run: Run, data_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "samples_of_case", ended_workers.samples_of_case_always_ended)
    with small_cluster(tmp_path / "cluster", failures=0) as three:
        options = ("--scheduler", three.file, "--skip-errors")
        outcome = run("generate_samples", "detection", data_set, tmp_path / "s.h5", *FEW, *options)
        assert begun(lambda: sum(worker.poll() is not None for worker in three.workers) == 2)
    assert outcome.code == 0 and "6 samples of 3 scans" in outcome.out, outcome.err
    assert "Left out phantom2: Every worker that tried it ended" in outcome.err


def test_each_of_many_pieces_is_answered_in_order(cluster: SmallCluster) -> None:
    with requested_workers(cluster.address, THIS_PROCESS) as workers, workers.pool(50) as pool:
        assert [done.result() for done in pool.in_order(divmod, ((n, 7) for n in range(50)))] == [
            divmod(n, 7) for n in range(50)
        ]
        with pytest.raises(ZeroDivisionError):
            pool.executor.submit(divmod, 1, 0).result()
        assert pool.executor.submit(ended_workers.process).result() == cluster.workers[0].pid
        pool.executor.shutdown()


def test_an_interruption_ends_the_work_on_the_workers_at_its_next_step(cluster: SmallCluster, tmp_path: Path) -> None:
    flag = tmp_path / "begun.txt"
    with (
        pytest.raises(KeyboardInterrupt),
        requested_workers(cluster.address, THIS_PROCESS) as workers,
        workers.pool(1) as pool,
    ):
        pool.executor.submit(ended_workers.slow_until_unwanted, flag)
        assert begun(flag.exists)
        raise KeyboardInterrupt
    assert begun(flag.with_suffix(".stopped").exists)


def test_a_worker_that_sees_no_shared_folder_is_told(cluster: SmallCluster, tmp_path: Path) -> None:
    folder, file = tmp_path / "results", tmp_path / "scan.nii.gz"
    file.write_bytes(b"scan")
    with requested_workers(cluster.address, THIS_PROCESS) as workers, workers.pool(1, [file], folder) as pool:
        assert [path.name[:8] for path in folder.iterdir()] == [".shared."]
        assert pool.executor.submit(divmod, 9, 2).result() == (4, 1)
    assert not folder.exists()
    real = cluster_module.seen
    for answer, words in (
        ({"/nowhere/scan.nii.gz": 4}, "sees no /nowhere/scan.nii.gz"),
        ({str(file): 5}, "sees another"),
    ):
        cluster_module.seen = lambda paths, answer=answer: answer
        try:
            with (
                requested_workers(cluster.address, THIS_PROCESS) as workers,
                pytest.raises(OtherWorker, match=words),
                workers.pool(1, [file]),
            ):
                raise AssertionError("no work begins")
        finally:
            cluster_module.seen = real


def test_a_worker_with_another_version_of_the_package_is_told(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "code_hash", lambda: "another")
    with (
        requested_workers(cluster.address, THIS_PROCESS) as workers,
        pytest.raises(OtherWorker, match="runs another version of spine-levels"),
        workers.pool(1),
    ):
        raise AssertionError("no work begins")


def test_a_worker_that_joins_later_is_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "code_hash", lambda: "another")
    with (
        small_cluster(tmp_path / "cluster", workers=0) as later,
        requested_workers(later.address, THIS_PROCESS) as workers,
        workers.pool(1) as pool,
    ):
        answer = pool.executor.submit(divmod, 9, 2)
        assert not answer.done()
        later.add_worker()
        assert isinstance(answer.exception(timeout=PATIENCE_S), OtherWorker)


@pytest.mark.parametrize("address", ["nothing", "foo://node:1", "missing.json"])
def test_what_is_no_address_is_told(run: Run, tmp_path: Path, address: str) -> None:
    outcome = run("generate_samples", "detection", "phantom:2", tmp_path / "s.h5", "--scheduler", address)
    require_error(outcome, f"Received: --scheduler {address}")


@pytest.mark.parametrize("mute", [False, True])
def test_a_scheduler_that_does_not_answer_is_told_before_any_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mute: bool
) -> None:
    monkeypatch.setattr(cluster_module, "SECONDS_TO_ANSWER", 0.5)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if mute:
            other.listen()
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        outcome = run("generate_samples", "detection", tmp_path / "no data", tmp_path / "s.h5", "--scheduler", address)
    require_error(outcome, f"No scheduler answers at {address} within 0.5 seconds")


def test_a_scheduler_that_is_lost_is_told(tmp_path: Path) -> None:
    with (
        small_cluster(tmp_path / "cluster", workers=1) as lost,
        requested_workers(lost.address, THIS_PROCESS) as workers,
        workers.pool(1) as pool,
    ):
        answer = pool.executor.submit(ended_workers.slow_until_unwanted, tmp_path / "begun")
        assert begun((tmp_path / "begun").exists)
        lost.scheduler.kill()
        assert "The connection to the scheduler at" in str(answer.exception(timeout=PATIENCE_S))


def test_without_the_extra_its_name_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "distributed" else found(name))
    outcome = run("generate_samples", "detection", "phantom:2", tmp_path / "s.h5", "--scheduler", "tcp://node:1")
    require_error(outcome, "pip install spine-levels[cluster]")


def test_log_records_of_work_travel_with_their_words_and_values_apart() -> None:
    log = logging.getLogger("learning_functions.work")
    with collected_logs() as found:
        log.info("%s has %d voxels of %s mm", Path("scan.nii.gz"), 5, (1.0, 2.0))
        logging.getLogger("distributed.worker").warning("no work of ours")
    [record] = pickle.loads(pickle.dumps(found))
    assert (record.msg, record.args) == ("%s has %d voxels of %s mm", ("scan.nii.gz", 5, (1.0, 2.0)))
    assert record.getMessage() == "scan.nii.gz has 5 voxels of (1.0, 2.0) mm"


def test_a_cluster_has_its_own_number_of_workers(run: Run, tmp_path: Path) -> None:
    options = ("--scheduler", "tcp://node:1", "--workers", 2)
    require_error(run("generate_samples", "detection", "phantom:2", tmp_path / "s.h5", *options), "--workers")


def test_work_in_this_process_is_answered_alike() -> None:
    assert not LocalWorkers(1).elsewhere and LocalWorkers(2).elsewhere
    with LocalWorkers(1).pool(5) as pool:
        assert [done.result() for done in pool.in_order(divmod, [(9, 2), (9, 3)])] == [(4, 1), (3, 0)]
        assert pool.executor.submit(ended_workers.process).result() == os.getpid()
        assert isinstance(pool.executor.submit(divmod, 1, 0).exception(), ZeroDivisionError)
    with LocalWorkers(1).pool(5, alone=True) as pool:
        assert pool.executor.submit(ended_workers.process).result() != os.getpid()
