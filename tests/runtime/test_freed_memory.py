"""Freed memory goes back to the system, and no C library without that call is an error."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from learning_functions.runtime.freed_memory import return_freed_memory


def test_the_c_library_is_asked_to_give_back_what_was_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(malloc_trim=asked.append))
    return_freed_memory()
    assert asked == [0]


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_a_c_library_without_the_call_is_no_error(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: object) -> object:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", absent)
    return_freed_memory()


def test_it_can_be_called_anywhere() -> None:
    return_freed_memory()
