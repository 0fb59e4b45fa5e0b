"""The versions of the packages a result depends on."""

from __future__ import annotations

import platform
from importlib import metadata

PACKAGE = "spine-levels"
PACKAGES = (PACKAGE, "tensorflow", "keras", "numpy", "scipy", "h5py", "SimpleITK", "nibabel")


def versions() -> dict[str, str]:
    """Version by package, and Python's; a package that is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
