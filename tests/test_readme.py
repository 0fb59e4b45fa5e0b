"""Links, pictures, commands, options, folders and files in the documents exist."""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import h5py
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", *PAGES)
GENERATED = ("docs/reference/command-line.md", "docs/reference/modules.md")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def reference() -> ModuleType:
    """The hook that generates the command reference, with all parsers."""
    spec = importlib.util.spec_from_file_location("docs_reference", ROOT / "docs" / "hooks" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scripts() -> dict[str, str]:
    """The three scripts, each with the module that holds its parser."""
    found: dict[str, str] = reference().SCRIPTS
    return found


@cache
def parser_of(module: str) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = reference().parser_of(module)
    return found


@cache
def modules_run_by_name() -> dict[str, str]:
    """The modules that ``python -m`` runs, by the words after it."""
    tools = {name.removesuffix(".__main__"): name for name in reference().tools()}
    experiments = {
        f"experiments {path.stem}": f"experiments.{path.stem}"
        for path in (ROOT / "experiments").glob("*.py")
        if "def main(" in path.read_text(encoding="utf-8") and path.stem != "__main__"
    }
    return {**tools, **experiments, "benchmarks": "benchmarks.__main__", "hardening": "hardening.__main__"}


def commands_of(name: str) -> Iterator[list[str]]:
    """Every command of a document that runs Python, in words: of blocks of code, and between backticks."""
    text = re.sub(r"\$[A-Z_]+", "0", text_of(name).replace("\\\n", " "))  # a variable of the shell: any number
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    lines += [
        " ".join(code.split()) for code in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    ]
    for line in lines:
        found = re.match(r"(?:\.venv/bin/)?python (.*)", line.split("  #")[0])
        if found and not found[1].startswith("-c"):
            yield shlex.split(found[1])


def parsed(words: list[str]) -> None:
    """Raises: SystemExit where the words are no command, or one that its own parser refuses."""
    if words[0] == "-m":
        known = modules_run_by_name()
        name = " ".join(words[1:3]) if words[1] == "experiments" else words[1]
        if name not in known:
            raise SystemExit(f"no such module or experiment: {name}")
        parser, rest = parser_of(known[name]), words[3 if words[1] == "experiments" else 2 :]
    elif words[0] in scripts():
        parser, rest = parser_of(scripts()[words[0]]), words[1:]
    else:
        raise SystemExit(f"no such script: {words[0]}")
    if rest not in ([], ["--help"]):  # a name alone means the command
        parser.parse_intermixed_args(rest)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_pictures_exist(name: str) -> None:
    targets = re.findall(r"\]\(([^)\s]+)[^)]*\)", text_of(name)) + re.findall(r'(?:src|href)="([^"]+)"', text_of(name))
    relative = [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    places = [(ROOT / name).parent / target for target in relative if target]
    generated = [ROOT / each for each in GENERATED]
    assert [str(place) for place in places if not place.exists() and place.resolve() not in generated] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_named_in_backticks_exist(name: str) -> None:
    """Files in folders of the package, by path or pattern; <name> is a placeholder."""
    packages = "spine_levels|keras_models|learning_functions|losses_and_metrics|utility_functions"
    rooms = f"tests|benchmarks|experiments|docs|saved_models|{packages}"
    named = re.findall(rf"`((?:{rooms})/[^`\s]*)`", text_of(name))
    assert [path for path in named if "<" not in path and not (ROOT / path).exists()] == []


def test_patterns_of_files_lie_in_existing_folders() -> None:
    named = re.findall(r"`((?:\w+/)+)[^`/\s]*<\w+>[^`\s]*`", text_of("CONTRIBUTING.md"))
    assert named and [folder for folder in named if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("package", ["learning_functions", "utility_functions"])
def test_architecture_lists_the_existing_folders(package: str) -> None:
    section = text_of("ARCHITECTURE.md").split(f"### {package}\n")[1].split("\n#")[0]
    listed = {folder.rstrip("/") for folder in re.findall(r"^\| `([\w/]+)` \|", section, re.MULTILINE)}
    holding = {path.parent for path in (ROOT / package).rglob("*.py") if path.stem != "__init__"}
    assert listed == {str(folder.relative_to(ROOT / package)) for folder in holding} - {"."}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_placeholder_is_left(name: str) -> None:
    assert re.findall(r"\b[A-Z_]+_TABLE\b|\bTODO\b|\bTBD\b", text_of(name)) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_is_accepted_by_its_parser(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused = []
    for words in commands_of(name):
        try:
            parsed(words)
        except SystemExit as end:
            refused.append(f"{' '.join(words)}: {end.code if isinstance(end.code, str) else capsys.readouterr().err}")
    assert refused == []


def test_readme_has_commands_of_all_three_scripts() -> None:
    assert {words[0] for words in commands_of("README.md")} >= set(scripts())


OF_OTHER_PROGRAMS = re.compile(r"\s*(pip|docker|#SBATCH|srun|dask|helm|kubectl)\b")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_named_option_exists(name: str) -> None:
    """Options of other programs are in lines that begin with their name."""
    lines = [line for line in text_of(name).splitlines() if not OF_OTHER_PROGRAMS.match(line)]
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", "\n".join(lines)))
    parsers = [parser_of(module) for module in (*scripts().values(), *modules_run_by_name().values())]
    assert (
        named - {option for parser in parsers for action in parser._actions for option in action.option_strings}
        == set()
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_named_make_target_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^ +)make ([a-z]+)", text_of(name), re.MULTILINE)) <= targets


def test_every_model_has_a_card_page() -> None:
    """The page of a model names patch and licence; the card in its file has the patch."""
    wrong = []
    for path in sorted((ROOT / "saved_models").glob("*.h5")):
        with h5py.File(path) as file:
            patch = "x".join(map(str, json.loads(file.attrs["spine_card"])["spec"]["patch"]))
        page = text_of(f"docs/models/{path.stem}.md")
        wrong += [f"{path.stem}: {each}" for each in (f"patch {patch}", "| licence |", "## Limits") if each not in page]
        wrong += [
            f"{path.stem}: not in {name}"
            for name in ("README.md", "docs/models/index.md")
            if f"{path.stem}.md" not in text_of(name)
        ]
    assert wrong == []
