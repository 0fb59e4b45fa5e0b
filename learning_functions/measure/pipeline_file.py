"""The plans that the options of measure.py request: one, or one for each TOML of a pipeline. Needs no Keras."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from learning_functions.measure.plan import Plan
from learning_functions.options import OPTION_NAMES, InferenceOptions, option_type
from utility_functions.files.broken_file import BrokenFile

TITLE, MODELS = "title", "models"


def plans_of(requested: Mapping[str, Any]) -> list[Plan]:
    """The requested plans: one per ``pipeline``, or one of the ``models`` and options.

    requested: all options by name; those in a pipeline's TOML override them.
    Raises: ValueError in one sentence for what cannot be used; no model is loaded.
    """
    if not requested["pipeline"]:
        return [_plan(requested, tuple(requested["models"]))]
    if requested["models"]:
        models = ", ".join(map(str, requested["models"]))
        raise ValueError(f"The TOML of --pipeline names the models; leave out others. Received: {models}.")
    plans = [read_plan(path, requested) for path in requested["pipeline"]]
    names = [plan.name for plan in plans]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        paths = ", ".join(str(plan.file) for plan in plans if plan.name == twice[0])
        raise ValueError(f"The results folders have the names of the TOMLs, so names must differ. Received: {paths}.")
    return plans


def read_plan(path: Path, requested: Mapping[str, Any]) -> Plan:
    """The plan of a TOML: ``models``, a list of files, and optionally ``title`` and any inference option.

    Paths are absolute or relative to the TOML. requested: the options that the TOML does not set.
    Raises: BrokenFile.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BrokenFile(f"{path}: cannot be read ({error.strerror or error}).") from error
    except RecursionError as error:
        raise BrokenFile(f"{path}: is no TOML (its parts are nested too deeply).") from error
    except ValueError as error:
        raise BrokenFile(f"{path}: is no TOML ({error}).") from error
    if unknown := sorted(set(entries) - {TITLE, MODELS, *OPTION_NAMES}):
        known = ", ".join((MODELS, TITLE, *OPTION_NAMES))
        raise BrokenFile(f"{path}: has the unknown key {', '.join(unknown)}; a pipeline has {known}.")
    models = entries.get(MODELS)
    if not isinstance(models, list) or not models or not all(isinstance(name, str) and name for name in models):
        raise BrokenFile(f"{path}: {MODELS} is a list of model files, in the order in which they run.")
    for name in (TITLE, *(each for each in OPTION_NAMES if option_type(each) in (str, Path))):
        if name in entries and (not isinstance(entries[name], str) or not entries[name]):
            raise BrokenFile(f"{path}: {name} is a text in quotes, but it is {entries[name]!r}.")
    paths = tuple(path.parent / name for name in models)
    if missing := [str(model) for model in paths if not model.is_file()]:
        raise BrokenFile(f"{path}: there is no model file {', '.join(missing)}.")
    own = {name: entries[name] for name in OPTION_NAMES if name in entries}
    own = {name: path.parent / value if option_type(name) is Path else value for name, value in own.items()}
    try:
        return _plan({**requested, **own}, paths, path, entries.get(TITLE, ""))
    except ValueError as error:
        raise BrokenFile(f"{path}: {error}") from error


def _plan(requested: Mapping[str, Any], models: tuple[Path, ...], file: Path | None = None, title: str = "") -> Plan:
    settings = {**requested, MODELS: list(models), "pipeline": file}
    options = InferenceOptions.from_mapping(requested)
    return Plan(models, options, file, title or ("" if file is None else file.stem), settings)
