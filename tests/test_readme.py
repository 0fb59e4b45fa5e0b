"""The documents keep their word: links, pictures, options and files that they name are there."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from experiments import distillation_table as distillation
from experiments import real_scans
from spine_levels.cli import spine_measure, spine_samples, spine_train
from utility_functions.phantom import __main__ as phantom

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def options_of_the_scripts(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """All that begins with -- in the three scripts, in the phantom's command line and in the benchmarks named."""
    made: list[argparse.ArgumentParser] = [
        script.parser() for script in (spine_samples, spine_train, spine_measure, distillation, real_scans)
    ]

    def caught(parser: argparse.ArgumentParser, *_: object) -> None:
        made.append(parser)
        raise SystemExit(0)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", caught)
    with pytest.raises(SystemExit):
        phantom.main([])
    return {option for parser in made for action in parser._actions for option in action.option_strings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    targets = re.findall(r"\]\(([^)\s]+)[^)]*\)", text_of(name)) + re.findall(r'(?:src|href)="([^"]+)"', text_of(name))
    relative = [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in relative if target and not (ROOT / target).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_named_between_backticks_are_there(name: str) -> None:
    """Those under a room of the package, whole or as a pattern; <name> stands for what is to be written."""
    packages = "spine_levels|keras_models|learning_functions|losses_and_metrics|utility_functions"
    rooms = f"tests|benchmarks|{packages}|saved_models"
    named = re.findall(rf"`((?:{rooms})/[^`\s]*)`", text_of(name))
    assert [path for path in named if "<" not in path and not (ROOT / path).exists()] == []


def test_patterns_of_files_to_write_lie_in_folders_that_are_there() -> None:
    named = re.findall(r"`((?:\w+/)+)[^`/\s]*<\w+>[^`\s]*`", text_of("CONTRIBUTING.md"))
    assert named and [folder for folder in named if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_place_waits_to_be_filled_in(name: str) -> None:
    assert re.findall(r"\b[A-Z_]+_TABLE\b|\bTODO\b|\bTBD\b", text_of(name)) == []


def test_every_option_named_in_readme_is_one_of_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text_of("README.md")))
    assert named and named - options_of_the_scripts(monkeypatch) == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_target_of_make_that_is_named_is_there(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^ +)make ([a-z]+)", text_of(name), re.MULTILINE)) <= targets
