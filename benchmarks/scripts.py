"""Runs the scripts of the package, or a function, in a process of its own."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent


def run_script(script: str, *arguments: str | Path) -> None:
    """Runs a script. Raises: CalledProcessError where its exit code is not 0."""
    subprocess.run([sys.executable, str(HERE / script), *map(str, arguments)], check=True)


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of ``work`` in a new process. Raises: BrokenProcessPool where that process dies."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *arguments).result()
