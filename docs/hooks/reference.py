"""Makes the reference at build time: command lines from their parsers, pages of modules from the source files."""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from unittest import mock

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = {
    "generate_samples.py": "spine_levels.cli.spine_samples",
    "train.py": "spine_levels.cli.spine_train",
    "measure.py": "spine_levels.cli.spine_measure",
}
"""Each with the module of its console command, which holds the parser."""
PACKAGES = ("spine_levels", "learning_functions", "keras_models", "losses_and_metrics", "utility_functions")
RUN_BY_NAME = ("benchmarks", "experiments")
"""Folders whose modules run by their names; what they import is not needed to list them."""
COMMANDS = "reference/command-line.md"
MODULES = "reference/modules.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that lie in docs/."""
    from mkdocs.structure.files import File  # here, so that tests read the parsers without MkDocs

    for place, text in {**command_pages(), **module_pages()}.items():
        files.append(File.generated(config, place, content=text))
    return files


# Command lines


def command_pages() -> dict[str, str]:
    """The page of all command lines."""
    sections = ["# Command line", "This page is made from the parsers of the commands, each time the site is built."]
    for name, module in SCRIPTS.items():
        same = f"The installed command is `{module.rpartition('.')[2].replace('_', '-')}`."
        sections.append(section(parser_of(module, name), f"## `python {name}`\n\n{same}"))
    sections.append(inference_options())
    sections.append("## Tools\n\nEach runs by `python -m`.")
    for name in tools():
        sections.append(section(parser_of(name), f"### `python -m {name.removesuffix('.__main__')}`"))
    for folder in RUN_BY_NAME:
        if (ROOT / folder).is_dir():
            sections.append(listing(folder))
    return {COMMANDS: "\n\n".join(sections) + "\n"}


def tools() -> list[str]:
    """Dotted names of the modules in the packages that can be run by hand: those with a command line."""
    found = [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if all(words in path.read_text(encoding="utf-8") for words in ('if __name__ == "__main__":', "argparse"))
    ]
    return [name for name in map(dotted, found) if name not in SCRIPTS.values()]


def inference_options() -> str:
    """How models are run: the keys of a pipeline's TOML and of ``spine_levels.segment``, from their dataclass."""
    from learning_functions.options import InferenceOptions

    text = "Keys of a pipeline's TOML, and keywords of `spine_levels.segment` and `spine_levels.Pipeline`."
    table = "| key | meaning | default |\n|---|---|---|"
    for each in fields(InferenceOptions):
        option = each.metadata["option"]
        choices = ", ".join(f"`{choice}`" for choice in option.choices)
        table += f"\n| `{each.name}` | {text_of(option.text)}{'; one of ' if choices else ''}{choices} | "
        table += f"{'' if each.default is None else text_of(str(each.default))} |"
    return f"## Inference options\n\n{text}\n\n{table}"


class _Caught(Exception):
    pass


def parser_of(module: str, *prog: str) -> argparse.ArgumentParser:
    """The parser by which a module reads its arguments: made by its ``parser()``, or caught as its ``main`` parses.

    prog: what the command is called, where its ``parser`` takes that.
    """
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    imported: Any = importlib.import_module(module)
    if hasattr(imported, "parser"):
        made: argparse.ArgumentParser = imported.parser(*prog)
        return made
    caught: list[argparse.ArgumentParser] = []

    def stop(parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        caught.append(parser)
        raise _Caught

    with mock.patch.object(argparse.ArgumentParser, "parse_known_args", stop):
        try:
            imported.main([])
        except _Caught:
            return caught[0]
    raise ValueError(f"{module} must read its arguments by argparse. Received: no parser from main([]).")


def section(parser: argparse.ArgumentParser, heading: str) -> str:
    """Usage, what it does, a table of arguments, and examples."""
    with mock.patch.dict(os.environ, {"COLUMNS": "84"}):
        usage = parser.format_usage().removeprefix("usage: ").rstrip()
    head, _, rest = (parser.description or "").partition("\n\n")
    parts = [heading, f"```text\n{usage}\n```"]
    parts += [text_of(" ".join(each.split())) for each in (head, rest) if each.strip()]
    parts.append("| argument | meaning | default |\n|---|---|---|\n" + "\n".join(rows(parser)))
    if parser.epilog:
        parts.append(f"```text\n{(parser.epilog % {'prog': parser.prog}).rstrip()}\n```")
    return "\n\n".join(parts)


def rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    """A row of the table for each argument."""
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        name = ", ".join(f"`{each}`" for each in action.option_strings) or f"`{action.metavar or action.dest}`"
        values = dict(vars(action), prog=parser.prog)
        text, default = (action.help or "") % values, ""
        if found := re.search(r" ?\(?default: ([^)]*)\)?$", text):
            text, default = text[: found.start()], found[1]
        choices = ", ".join(f"`{each}`" for each in action.choices or ())
        yield f"| {name} | {text_of(text)}{'; one of ' if choices and text else ''}{choices} | {text_of(default)} |"


def listing(folder: str) -> str:
    """The commands of a folder, each with its module's first sentence."""
    lines = [f"## `python -m {folder} NAME`", "Each has `--help`.", "| name | holds |\n|---|---|"]
    for path in sorted((ROOT / folder).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.stem != "__main__" and "def main(" in text:
            lines[-1] += f"\n| `{path.stem.removeprefix('bench_')}` | {text_of(first_sentence(text))} |"
    return "\n\n".join(lines)


# Modules


def module_pages() -> dict[str, str]:
    """A page for each folder of the packages, and one that lists all modules."""
    overview = ["# Modules", "Each folder has a page, made from the docstrings. Nothing is imported to make it."]
    pages = {}
    for package in PACKAGES:
        for folder in sorted({path.parent for path in (ROOT / package).rglob("*.py")}):
            if not (paths := modules_in(folder)):
                continue
            name = dotted(folder)
            page = f"reference/modules/{name}.md"
            table = "| module | holds |\n|---|---|\n"
            table += "\n".join(f"| [{path.stem}](modules/{name}.md#{dotted(path)}) | {holds(path)} |" for path in paths)
            overview += [f"## {name}", table]
            pages[page] = f"# {name}\n\n" + "\n\n".join(f"::: {dotted(path)}" for path in paths) + "\n"
    return {MODULES: "\n\n".join(overview) + "\n", **pages}


def modules_in(folder: Path) -> list[Path]:
    """The modules of a folder that hold something; a package's own file counts where it does."""
    found = sorted(path for path in folder.glob("*.py") if path.stem != "__main__")
    return [path for path in found if path.stem != "__init__" or ast.parse(path.read_text(encoding="utf-8")).body[1:]]


def holds(path: Path) -> str:
    return text_of(first_sentence(path.read_text(encoding="utf-8")))


def first_sentence(source: str) -> str:
    """The first paragraph of a module's docstring, in one line."""
    text = ast.get_docstring(ast.parse(source)) or ""
    return " ".join(text.split("\n\n")[0].split())


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def text_of(words: str) -> str:
    """Words as Markdown shows them in a cell of a table."""
    return re.sub(r"([|<>\[\]*_])", r"\\\1", words)
