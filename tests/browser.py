"""A real Chromium for tests of pages, without a screen or a network; tests are skipped where none is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
MOST_MS = 300_000
"""Drawing in software beside other work takes seconds, and may take many."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; pages of its are opened from files."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_api.sync_playwright() as driver:
        if program is None and not Path(driver.chromium.executable_path).is_file():
            pytest.skip(f"no Chromium is installed: none of {', '.join(NAMES)}, nor playwright's own")
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", *SOFTWARE_GL], timeout=MOST_MS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Any, path: Path, width: int = 960, height: int = 540) -> Iterator[Any]:
    """A page of a file, in a window of that size. The test fails for any error of the page's scripts."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(MOST_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: errors.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.resolve().as_uri())
    try:
        yield page
    finally:
        page.close()
    assert not errors
