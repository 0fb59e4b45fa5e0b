"""The site builds strictly from the tree alone, with a complete reference."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("mkdocs", "material", "mkdocstrings", "griffe")
BUILD = """
import sys
from mkdocs.commands.build import build
from mkdocs.config import load_config

config = load_config("mkdocs.yml", site_dir=sys.argv[1], strict=True)
config.plugins.on_startup(command="build", dirty=False)
build(config)
heavy = sorted({"tensorflow", "keras"} & set(sys.modules))
sys.exit(f"the build imported {heavy}" if heavy else 0)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once in a process of its own."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        pytest.skip(f"the extra 'docs' is not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class _Fetched(HTMLParser):
    """The files that a browser loads when it opens a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "embed") and attributes.get("src"):
            self.found.append(str(attributes["src"]))
        if tag == "link" and attributes.get("rel") not in ("canonical", "next", "prev") and attributes.get("href"):
            self.found.append(str(attributes["href"]))


def test_no_page_loads_external_files(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    elsewhere = {}
    for page in pages:
        fetched = _Fetched()
        fetched.feed(page.read_text(encoding="utf-8"))
        elsewhere[page.name] = [each for each in fetched.found if re.match(r"(https?:)?//", each)]
    styles = [
        re.findall(r"url\(['\"]?((?:https?:)?//[^)]*)", path.read_text(encoding="utf-8"))
        for path in site.rglob("*.css")
    ]
    assert len(pages) > 40
    assert {name: each for name, each in elsewhere.items() if each} == {}
    assert [each for each in styles if each] == []


@pytest.mark.parametrize("command", ["spine_samples", "spine_train", "spine_measure"])
def test_every_option_is_in_the_reference(site: Path, command: str) -> None:
    page = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    parser = importlib.import_module(f"spine_levels.cli.{command}").parser()
    options = {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}
    assert options and {option for option in options if f"<code>{option}</code>" not in page} == set()


def test_every_module_is_in_the_reference(site: Path) -> None:
    """Each module has its sentence in the list, and its section on the page of its folder."""
    missing = []
    for package in ("spine_levels", "keras_models", "learning_functions", "losses_and_metrics", "utility_functions"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.stem not in ("__init__", "__main__"):
                folder, _, name = str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").rpartition(".")
                page = site / "reference" / "modules" / f"{folder}.html"
                if not page.is_file() or f'id="{folder}.{name}"' not in page.read_text(encoding="utf-8"):
                    missing.append(f"{folder}.{name}")
    assert missing == []


def test_what_is_generated_is_not_kept_in_the_tree() -> None:
    assert not (ROOT / "docs" / "reference" / "command-line.md").exists()
    assert not (ROOT / "docs" / "reference" / "modules.md").exists()
