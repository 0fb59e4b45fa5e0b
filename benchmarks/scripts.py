"""The three scripts as benchmarks call them: each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


def run_script(script: str, *arguments: str | Path) -> None:
    """Raises: CalledProcessError where the script ends with another exit code than 0."""
    subprocess.run([sys.executable, str(HERE / script), *map(str, arguments)], check=True)
