"""The TensorFlow that ran is told by its own version and by the package it was installed from, whatever that is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from types import ModuleType

import pytest

from utility_functions.reporting import versions as told
from utility_functions.reporting.versions import versions


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    told._distributions_of.cache_clear()
    yield
    told._distributions_of.cache_clear()


def install(monkeypatch: pytest.MonkeyPatch, *names: str, loaded: str | None = None) -> None:
    """An environment in which these packages of version 1.0 bring the module, and one that has loaded it."""
    version = metadata.version
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"tensorflow": list(names)} if names else {})
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name in names else version(name))
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    if loaded is not None:
        module = ModuleType("tensorflow")
        module.__version__ = loaded  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "tensorflow", module)


@pytest.mark.parametrize("name", ["tensorflow", "tensorflow-cpu", "tensorflow-intel", "tf-nightly", "tensorflow-rocm"])
@pytest.mark.parametrize("loaded", [None, "1.0", "1.1-dev20261201"])
def test_tensorflow_is_told_whatever_its_package_is_called(
    name: str, loaded: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, name, loaded=loaded)
    found = versions()
    assert found["tensorflow"] == (loaded or "1.0") and found["tensorflow_distribution"] == f"{name} 1.0"


def test_two_packages_that_bring_it_are_both_told(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "tensorflow-intel", "tensorflow", "tensorflow")
    assert versions()["tensorflow_distribution"] == "tensorflow 1.0, tensorflow-intel 1.0"


def test_a_tensorflow_without_a_package_is_told_by_its_module_and_none_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, loaded="2.99")
    assert versions()["tensorflow"] == "2.99" and "tensorflow_distribution" not in versions()
    install(monkeypatch)
    assert not {"tensorflow", "tensorflow_distribution"} & set(versions())


def test_the_installed_one_is_found() -> None:
    found = versions()
    name, version = found["tensorflow_distribution"].split(" ")
    assert metadata.version(name) == version and {"python", "keras", "numpy", "tensorflow"} <= set(found)
