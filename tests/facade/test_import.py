"""The import of the facade loads no heavy package, and every public name exists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import spine_levels

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "keras", "pandas", "SimpleITK", "nibabel", "scipy", "matplotlib", "numpy", "h5py")
MOST_MODULES = 100
"""What the import may add to a bare Python; numpy alone adds more."""
CODE = f"""
import sys
before = set(sys.modules)
import spine_levels
added = set(sys.modules) - before
heavy = sorted(set({HEAVY!r}) & added)
sys.exit(f"imported: {{heavy}}, {{len(added)}} modules" if heavy or len(added) > {MOST_MODULES} else 0)
"""


def test_import_loads_no_heavy_package() -> None:
    """In a second process, since in this one other tests have imported them."""
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", spine_levels.__all__)
def test_public_names_are_imported_on_access(name: str) -> None:
    assert getattr(spine_levels, name).__name__ == name
    assert name in dir(spine_levels)


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segmnet'"):
        spine_levels.segmnet  # noqa: B018 - the attribute is the test


def test_the_version_is_that_of_the_distribution() -> None:
    assert spine_levels.__version__.count(".") == 2
