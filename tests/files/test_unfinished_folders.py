"""What is not finished goes with the process that made it, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from utility_functions.files.atomic_write import require_writable, write_text, written_whole
from utility_functions.files.clear_after_death import SUFFIX
from utility_functions.files.unfinished_folders import clear_stale, unfinished_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no locks on folders")

WRITING = (
    "import os, sys; from pathlib import Path; from utility_functions.files.atomic_write import written_whole\n"
    "from utility_functions.files import unfinished_folders\n"
    "with written_whole(Path(sys.argv[1])) as place:\n"
    "    place.write_text('half'); {then}\n"
)
SECONDS = 60.0


def ended(path: Path, then: str) -> int:
    """The exit code of a process that writes half a file, then does something."""
    return subprocess.run([sys.executable, "-c", WRITING.format(then=then), str(path)], check=False).returncode


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def comes_true(what) -> bool:  # type: ignore[no-untyped-def]
    until = time.monotonic() + SECONDS
    while not what() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(what())


def test_what_a_killed_process_has_begun_is_removed_soon_after(tmp_path):
    (tmp_path / "table.csv").write_text("old")
    assert ended(tmp_path / "table.csv", "os.kill(os.getpid(), 9)") == -signal.SIGKILL
    assert comes_true(lambda: names_in(tmp_path) == ["table.csv"])
    assert (tmp_path / "table.csv").read_text() == "old"


def test_it_is_removed_too_where_the_whole_group_is_killed(tmp_path):
    then = "os.setpgid(0, 0); os.killpg(os.getpid(), 9)"
    assert ended(tmp_path / "table.csv", then) == -signal.SIGKILL
    assert comes_true(lambda: names_in(tmp_path) == [])


def test_what_all_processes_of_a_job_have_left_is_removed_by_the_next(tmp_path):
    then = "os.kill(unfinished_folders._OWN.clearing.pid, 9); os.kill(os.getpid(), 9)"
    assert ended(tmp_path / "table.csv", then) == -signal.SIGKILL
    assert [name.endswith(SUFFIX) for name in names_in(tmp_path)] == [True]
    assert ended(tmp_path / "other.csv", "pass") == 0
    assert names_in(tmp_path) == ["other.csv"]


def test_what_another_process_is_writing_stays(tmp_path):
    with unfinished_folder(tmp_path / "table.csv") as room:
        assert ended(tmp_path / "other.csv", "pass") == 0
        clear_stale(tmp_path)
        assert room.is_dir()
    assert names_in(tmp_path) == ["other.csv"]


def test_what_another_computer_or_another_program_has_left_stays(tmp_path):
    theirs = [tmp_path / f".table.csv.another-computer.1-ab.cd{SUFFIX}", tmp_path / ".cache", tmp_path / f"a{SUFFIX}"]
    for folder in theirs:
        folder.mkdir()
    clear_stale(tmp_path)
    assert [folder.is_dir() for folder in theirs] == [True, True, True]


def test_it_is_written_as_ever_where_no_other_process_can_be_started(tmp_path, monkeypatch):
    monkeypatch.setattr("utility_functions.files.unfinished_folders._OWN", fresh())
    monkeypatch.setattr(subprocess, "Popen", refused)
    write_text(tmp_path / "table.csv", "a")
    require_writable(tmp_path)
    assert names_in(tmp_path) == ["table.csv"]


def fresh():  # type: ignore[no-untyped-def]
    from utility_functions.files.unfinished_folders import _ThisProcess

    return _ThisProcess()


def refused(*_: object, **__: object) -> None:
    raise OSError(11, "Resource temporarily unavailable")


def test_long_names_and_any_letters_fit(tmp_path):
    path = tmp_path / ("\u4e09" * 80)
    write_text(path, "a")
    assert names_in(tmp_path) == [path.name]


def test_a_fork_has_folders_of_its_own(tmp_path):
    with written_whole(tmp_path / "parents.csv") as place:
        place.write_text("a")
        pid = os.fork()
        if pid == 0:
            try:
                write_text(tmp_path / "childs.csv", "b")
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        assert place.exists() and (tmp_path / "childs.csv").read_text() == "b"
    assert names_in(tmp_path) == ["childs.csv", "parents.csv"]


def test_the_other_process_ends_with_the_first(tmp_path):
    then = "Path(sys.argv[1]).with_name('pid').write_text(str(unfinished_folders._OWN.clearing.pid))"
    assert ended(tmp_path / "table.csv", then) == 0
    other = Path("/proc") / (tmp_path / "pid").read_text()
    if not Path("/proc/self").exists():
        pytest.skip("processes are looked for in /proc")
    assert comes_true(lambda: not other.exists())
