"""Scans are read, run and written side by side, and everything is as one after another: order, errors, interruption."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

import pytest

from learning_functions.measure.kept_logs import Kept, keeping_logs, kept_in, tell
from learning_functions.measure.overlapping import InOrder, SharedItems, Stopped, Work, work_through

PATIENCE_S = 60.0


class Told:
    """What was done with which item, in order, and what was written."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.written: dict[int, str] = {}
        self._changed = threading.Condition()

    def note(self, step: str) -> None:
        with self._changed:
            self.steps.append(step)
            self._changed.notify_all()

    def wait_for(self, step: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: step in self.steps, PATIENCE_S), f"{step} should be under way"


def work_of(
    told: Told,
    room: float = math.inf,
    read: Callable[[int], None] = lambda item: None,
    run: Callable[[int], None] = lambda item: None,
) -> Work[int, int, int]:
    """Work that notes its steps; reading doubles the number, running adds 1."""

    def noted_read(item: int) -> int:
        told.note(f"read {item}")
        read(item)
        return 2 * item

    def noted_run(item: int, doubled: int) -> int:
        told.note(f"run {item}")
        run(item)
        return doubled + 1

    def noted_write(item: int, found: int | Exception) -> None:
        told.note(f"write {item}")
        told.written[item] = str(found)

    return Work(noted_read, noted_run, noted_write, lambda item: 1.0, lambda doubled: 1.0, lambda doubled: room)


def test_the_next_is_read_and_the_last_is_written_while_one_runs() -> None:
    told = Told()

    def run(item: int) -> None:
        if item < 3:
            told.wait_for(f"read {item + 1}")
        if item:
            told.wait_for(f"write {item - 1}")
        assert f"read {item + 2}" not in told.steps, "one is read ahead, not two"

    work_through(iter(range(4)), work_of(told, run=run))
    assert told.written == {0: "1", 1: "3", 2: "5", 3: "7"} and list(told.written) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("room", "begins"),
    [
        (0.0, ["read 0", "run 0", "write 0", "read 1", "run 1", "write 1", "read 2"]),
        (0.5, ["read 0", "run 0", "write 0", "read 1", "run 1", "write 1", "read 2"]),
    ],
)
def test_without_room_in_memory_one_follows_the_other(room: float, begins: list[str]) -> None:
    told = Told()
    work_through(iter(range(3)), work_of(told, room))
    assert told.steps == [*begins, "run 2", "write 2"]


def test_an_error_stays_with_its_scan() -> None:
    told = Told()

    def read(item: int) -> None:
        if item == 1:
            raise OSError("cannot be read")

    def run(item: int) -> None:
        if item == 2:
            raise ValueError("cannot be run")

    work_through(iter(range(4)), work_of(told, read=read, run=run))
    assert told.written == {0: "1", 1: "cannot be read", 2: "cannot be run", 3: "7"}


def test_a_scan_that_found_no_memory_beside_another_is_read_alone() -> None:
    told = Told()

    def read(item: int) -> None:
        if item == 1 and told.steps.count("read 1") == 1:
            raise MemoryError("too much")

    work_through(iter(range(3)), work_of(told, read=read))
    assert told.written == {0: "1", 1: "3", 2: "5"}
    assert told.steps.index("write 0") < len(told.steps) - 1 - told.steps[::-1].index("read 1")


@pytest.mark.parametrize("where", ["read", "run"])
def test_an_interruption_keeps_what_has_run(where: str) -> None:
    told = Told()

    def interrupted(item: int) -> None:
        if item == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_through(iter(range(9)), work_of(told, **{where: interrupted}))
    assert told.written == {0: "1"} and "run 2" not in told.steps and "read 3" not in told.steps


def test_an_error_of_the_program_ends_the_run() -> None:
    def wrong(item: int) -> None:
        raise LookupError(item)

    with pytest.raises(LookupError):
        work_through(iter(range(3)), work_of(Told(), run=wrong))


def test_no_scan_is_no_work() -> None:
    told = Told()
    work_through(iter(()), work_of(told))
    assert told.steps == []


def test_results_are_told_in_order_whichever_comes_first() -> None:
    told: list[tuple[str, int]] = []
    rows: InOrder[int, str] = InOrder([10, 20, 30, 40], lambda row, item: told.append((row, item)))
    rows.add(30, "c")
    rows.add(10, "a")
    assert told == [("a", 10)]
    rows.add(20, "b")
    assert told == [("a", 10), ("b", 20), ("c", 30)]
    assert rows.all_known() == ["a", "b", "c"]


def test_several_threads_take_each_item_once_until_they_are_stopped() -> None:
    items, taken = SharedItems(iter(range(1000))), []
    threads = [threading.Thread(target=lambda: taken.extend(items)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1000))
    more = SharedItems(iter(range(3)))
    next(more)
    more.require_open()
    more.stop()
    assert list(more) == []
    with pytest.raises(Stopped):
        more.require_open()


def test_messages_of_two_scans_at_once_are_told_scan_by_scan(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("scans")
    one: Kept = []
    two: Kept = []

    def work(kept: Kept, name: str) -> None:
        with kept_in(kept):
            log.warning("%s is read", name)
            both.wait(PATIENCE_S)
            log.warning("%s is run", name)

    both = threading.Barrier(2)
    with keeping_logs():
        threads = [threading.Thread(target=work, args=of) for of in ((one, "one"), (two, "two"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert caplog.messages == []
        log.warning("the run goes on")
        tell(one)
        tell(two)
    log.warning("the end")
    assert caplog.messages == ["the run goes on", "one is read", "one is run", "two is read", "two is run", "the end"]
