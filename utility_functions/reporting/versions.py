"""The versions of the packages a result depends on."""

from __future__ import annotations

import platform
import sys
from functools import cache
from importlib import metadata

PACKAGE = "spine-levels"
PACKAGES = (PACKAGE, "keras", "numpy", "scipy", "h5py", "SimpleITK", "nibabel")
TENSORFLOW = "tensorflow"


def versions() -> dict[str, str]:
    """Version by package, and Python's; a package that is not installed is left out.

    ``tensorflow`` is what the module itself says where it is loaded, and ``tensorflow_distribution`` the installed
    package that it comes from, with its version: tensorflow, tensorflow-cpu, tensorflow-intel, tf-nightly or another.
    """
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found | _tensorflow()


def _tensorflow() -> dict[str, str]:
    installed = {name: metadata.version(name) for name in _distributions_of(TENSORFLOW)}
    found = dict.fromkeys([TENSORFLOW], next(iter(installed.values()))) if installed else {}
    if TENSORFLOW in sys.modules:
        found[TENSORFLOW] = str(sys.modules[TENSORFLOW].__version__)
    if installed:
        found["tensorflow_distribution"] = ", ".join(f"{name} {version}" for name, version in installed.items())
    return found


@cache
def _distributions_of(module: str) -> tuple[str, ...]:
    """The installed packages that bring a module of this name; looked for once, since all of them are asked."""
    return tuple(sorted(set(metadata.packages_distributions().get(module, ()))))
