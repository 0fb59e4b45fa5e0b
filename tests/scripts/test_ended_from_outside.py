"""A run that is ended by a signal takes its workers along, and what it has begun to write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = """
import sys, time
from pathlib import Path
from utility_functions.command_line import Parser, run_command
from utility_functions.files.atomic_write import written_whole
from utility_functions.worker_pool import worker_pool

def work(folder, number):
    with written_whole(Path(folder) / f"worker{number}.txt"):
        (Path(folder).parent / f"begun{number}").touch()
        time.sleep(600)

def run(arguments):
    with written_whole(Path(arguments.folder) / "result.txt"), worker_pool(2) as pool:
        for job in [pool.submit(work, arguments.folder, number) for number in range(2)]:
            job.result()

if __name__ == "__main__":
    parser = Parser("run", "", "")
    parser.add_argument("folder")
    sys.exit(run_command(parser, run, None, "nothing was written"))
"""


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in tasks.read_text().split()]


def wait_until(condition, seconds: float) -> bool:
    for _ in range(int(seconds / 0.1)):
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_no_worker_and_no_temporary_file_outlives_a_run(how: signal.Signals, tmp_path: Path) -> None:
    script, folder = tmp_path / "run.py", tmp_path / "out"
    script.write_text(RUN)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.Popen(
        [sys.executable, script, folder], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert wait_until(lambda: all((tmp_path / f"begun{number}").exists() for number in range(2)), 60)
        workers = children(run.pid)
        assert len(workers) >= 2
        run.send_signal(how)
        _, said = run.communicate(timeout=30)
        assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 30)
        left = [path.name for path in folder.iterdir()]
        if how is signal.SIGKILL:  # then only the workers can clear away
            assert [name for name in left if "worker" in name] == []
        else:
            assert left == [] and "nothing was written" in said and "Traceback" not in said
            assert run.returncode == 143
    finally:
        run.kill()


LOST = """
import os, signal, sys, time
from utility_functions.command_line import Parser, run_command

class Ends:
    def __del__(self):
        signal.raise_signal(signal.Signals[sys.argv[1]])
        time.sleep(0)

def run(arguments):
    ends = Ends()
    del ends
    time.sleep(60)
    return 0

if __name__ == "__main__":
    parser = Parser("run", "", "")
    parser.add_argument("signal")
    sys.exit(run_command(parser, run, None, "nothing was written"))
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_that_comes_while_errors_are_ignored_ends_the_run_all_the_same(
    name: str, code: int, tmp_path: Path
) -> None:
    script = tmp_path / "run.py"
    script.write_text(LOST)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, script, name], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    assert "nothing was written" in done.stderr
