"""Work in a process of its own: its answers, errors and log records, and its end with whoever wanted it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from learning_functions.runtime.cancelling import NoLongerWanted, while_wanted
from learning_functions.runtime.own_process import in_own_process
from learning_functions.runtime.workers import WorkerLost
from tests.small_cluster import begun
from utility_functions.files.broken_file import BrokenFile


class Unportable(Exception):
    """An error that is not made again from what it was made of."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def draws(count: int) -> tuple[int, list[int]]:
    import random

    random.seed(1)
    logging.getLogger("learning_functions.work").info("%d numbers of %s", count, "one generator")
    sys.stdout.write("not the answer")
    return os.getpid(), [random.randint(0, 99) for _ in range(count)]


def fails(kind: str) -> None:
    raise BrokenFile("scan.nii.gz: is broken.") if kind == "file" else Unportable("two ", "words")


def ends(code: int) -> None:
    os._exit(code)


def stays(flag: Path) -> None:
    flag.write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)


def calls_stays(flag: Path) -> None:
    in_own_process(stays, flag)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return b"\nState:\tZ" in Path(f"/proc/{process}/status").read_bytes() if Path("/proc").is_dir() else False


def test_the_answer_comes_from_another_process_with_its_log_records(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        process, numbers = in_own_process(draws, 3)
    assert process != os.getpid() and numbers == in_own_process(draws, 3)[1]
    assert "3 numbers of one generator" in caplog.text
    out, err = capfd.readouterr()
    assert out == "" and err.count("not the answer") == 2


def test_errors_are_raised_here_and_foreign_ones_as_their_words() -> None:
    with pytest.raises(BrokenFile, match=r"scan.nii.gz: is broken\."):
        in_own_process(fails, "file")
    with pytest.raises(OSError, match="Unportable: two words"):
        in_own_process(fails, "foreign")


def test_a_process_that_ends_without_an_answer_is_told() -> None:
    with pytest.raises(WorkerLost, match="ended with code 9"):
        in_own_process(ends, 9)


def test_the_process_ends_once_nobody_wants_its_answer(tmp_path: Path) -> None:
    flag = tmp_path / "begun"
    with pytest.raises(NoLongerWanted), while_wanted(lambda: not flag.exists()):
        in_own_process(stays, flag)
    assert is_gone(int(flag.read_text()))


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    flag = tmp_path / "begun"
    code = f"import sys; sys.path[:] = {sys.path}; from {__name__} import Path, calls_stays; "
    code += f"calls_stays(Path({str(flag)!r}))"
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        assert begun(lambda: flag.exists() and flag.read_text() != "")
        parent.send_signal(signal.SIGKILL)
    assert begun(lambda: is_gone(int(flag.read_text())))
