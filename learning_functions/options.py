"""Inference options: each one field with its help, default, choices and check.

The options of measure.py, the keys of a pipeline's TOML, the record of a run and the reference page are made from the
fields of ``InferenceOptions``. The module needs no TensorFlow.
"""

from __future__ import annotations

import argparse
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from learning_functions.dicom_kinds import kinds_problem
from learning_functions.runtime.devices import device_problem
from utility_functions.anatomy.labels import VERTEBRAE

PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class OptionHelp:
    """The description of one option, beside its type and default.

    text: the text in --help. choices: the permitted values; none: any of its type.
    metavar: the placeholder in --help. check: it returns the problem of a value as a sentence, or None.
    changes_results: whether another value may give other results, so that a resumed run must have the same.
    """

    text: str
    choices: Sequence[str] = ()
    metavar: str | None = None
    check: Callable[[Any], str | None] | None = None
    changes_results: bool = True


def _help(text: str, **values: Any) -> Mapping[str, OptionHelp]:
    return {"option": OptionHelp(text, **values)}


def _memory_problem(value: float) -> str | None:
    return None if 0 < value < math.inf else "The memory to use is a number of GB above 0."


def _level_problem(value: str) -> str | None:
    return None if value in VERTEBRAE else f"The lowest vertebra is one of {', '.join(VERTEBRAE)}."


@dataclass(frozen=True)
class InferenceOptions:
    """How trained models are run, whatever their tasks. Raises ValueError for a value that an option does not permit.

    It holds no scan and no findings: the same options serve all scans of a run.
    """

    memory_gb: float = field(
        default=4.0,
        metadata=_help(
            "the largest main memory that the process takes, in GB", check=_memory_problem, changes_results=False
        ),
    )
    device: str = field(
        default="auto",
        metadata=_help(
            "where networks run: auto (all GPUs, or the processor where there is none), cpu, gpu (all) or gpu:N",
            metavar="DEVICE",
            check=device_problem,
            changes_results=False,
        ),
    )
    precision: str = field(
        default="float32",
        metadata=_help("what networks compute in; outputs are float32 in all", choices=PRECISIONS),
    )
    windows: str = field(
        default="tiles",
        metadata=_help(
            "how images are passed to the network: in tiles as large as memory permits, or in the published windows",
            choices=("tiles", "published"),
        ),
    )
    search: str = field(
        default="spine",
        metadata=_help(
            "where shipped models look in CT: round the spine, where a coarse pass is sure of it, or everywhere",
            choices=("spine", "everywhere"),
        ),
    )
    votes: str = field(
        default="ordered",
        metadata=_help(
            "discard false votes by components and the order of levels, or keep them by the published rule",
            choices=("ordered", "published"),
        ),
    )
    naming: str = field(
        default="decoder",
        metadata=_help(
            "what assigns the names: the exact decoder, the cheapest sequence of votes, or the published rules",
            choices=("decoder", "chain", "published"),
        ),
    )
    truncated: str = field(
        default="flag",
        metadata=_help(
            "what to do with the vertebrae of masks and heatmaps that the field of view truncates",
            choices=("keep", "flag", "drop"),
        ),
    )
    orientation: str = field(
        default="auto",
        metadata=_help(
            "patient orientation: test quarter turns where a detection of parts is uncertain, or keep the header's",
            choices=("auto", "header"),
        ),
    )
    lowest: str | None = field(
        default=None,
        metadata=_help(
            "MR only: name the counted vertebrae from this lowest level, e.g. L5", metavar="LEVEL", check=_level_problem
        ),
    )
    count_from: Path | None = field(
        default=None,
        metadata=_help(
            "another scan of the same patient, such as a localiser or a whole-spine scout: it is measured first, and "
            "its names pass to the vertebrae that lie at the same places",
            metavar="SCAN",
        ),
    )
    study: str = field(
        default="shared",
        metadata=_help(
            "series of one study that lie on one frame of reference or one grid: the surer names pass to the others "
            "(shared), or each keeps its own (apart)",
            choices=("shared", "apart"),
        ),
    )
    save_intermediate: bool = field(
        default=False, metadata=_help("also write the results of every stage, for inspection and for --from-results")
    )
    view: str = field(
        default="page",
        metadata=_help(
            "with NiiVue installed (extra viewer), write a page for each scan that shows it in slices and 3D, or none",
            choices=("page", "none"),
            changes_results=False,
        ),
    )
    layout: str = field(
        default="flat",
        metadata=_help(
            "flat: all files in one folder; bids: also label maps as a BIDS derivative whose root the folder is",
            choices=("flat", "bids"),
            changes_results=False,
        ),
    )
    dicom: str | None = field(
        default=None,
        metadata=_help(
            "also write DICOM objects of a DICOM scan, with its patient and study: seg (segmentation), sr (report of "
            "measurements) or seg,sr",
            metavar="KINDS",
            check=kinds_problem,
            changes_results=False,
        ),
    )
    stop_after: str | None = field(
        default=None,
        metadata=_help(
            "task of the last model to run; later models are skipped", metavar="TASK", changes_results=False
        ),
    )
    landmarks: Path | None = field(
        default=None,
        metadata=_help(
            "landmark files by the scans' names (for one scan, its file), in place of found landmarks; models that "
            "find or name landmarks (identification, vertebra_heatmaps, naming) are refused, instances starts from "
            "them",
            metavar="FOLDER",
        ),
    )
    from_results: Path | None = field(
        default=None,
        metadata=_help(
            "start from the intermediate results of an earlier run with --save-intermediate",
            metavar="FOLDER",
        ),
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            option, value = option_help(each), getattr(self, each.name)
            if value is None and each.default is None:
                continue
            kind = option_type(each.name)
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if kind is Path and isinstance(value, str):
                value = Path(value)
            object.__setattr__(self, each.name, value)
            if not isinstance(value, kind):
                raise ValueError(f"The option {each.name} is {_KINDS[kind]}. Received: {value!r}.")
            if option.choices and value not in option.choices:
                raise ValueError(f"The option {each.name} is one of {', '.join(option.choices)}. Received: {value!r}.")
            problem = None if option.check is None else option.check(value)
            if problem is not None:
                raise ValueError(f"{problem} Received: {value!r}.")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> InferenceOptions:
        """The options among ``values``, with defaults for those that are missing; other names are ignored."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})

    @classmethod
    def from_keywords(cls, values: Mapping[str, Any]) -> InferenceOptions:
        """The options of those names. Raises: ValueError for an unknown name; it lists the known ones."""
        if unknown := sorted(set(values) - set(OPTION_NAMES)):
            known = ", ".join(OPTION_NAMES)
            raise ValueError(f"The options are {known}. Received: {', '.join(unknown)}.")
        return cls(**values)

    def that_change_results(self) -> dict[str, Any]:
        """The options that may change results, as JSON values; a folder is stored as true."""
        found = {each.name: getattr(self, each.name) for each in fields(self) if option_help(each).changes_results}
        return {name: True if isinstance(value, Path) else value for name, value in found.items()}


_KINDS: Mapping[type, str] = {float: "a number", bool: "true or false", str: "a text", Path: "a path"}
OPTION_NAMES: tuple[str, ...] = tuple(each.name for each in fields(InferenceOptions))


def option_help(of: Field[Any]) -> OptionHelp:
    """The description of the option in a field of InferenceOptions."""
    found: OptionHelp = of.metadata["option"]
    return found


def option_type(name: str) -> type:
    """The type of an option's values, without None."""
    hint = get_type_hints(InferenceOptions)[name]
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    found: type = hint
    return found


def usual_value(name: str) -> Any:
    """The default of an option."""
    [each] = [each for each in fields(InferenceOptions) if each.name == name]
    return None if each.default is MISSING else each.default


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add every inference option to a command line, its underscores written as hyphens."""
    for each in fields(InferenceOptions):
        option, kind = option_help(each), option_type(each.name)
        flag = f"--{each.name.replace('_', '-')}"
        if kind is bool:
            parser.add_argument(flag, action="store_true", help=option.text)
            continue
        usual = "" if each.default is None else f" (default: {_in_words(each.default)})"
        parser.add_argument(
            flag,
            choices=option.choices or None,
            default=each.default,
            metavar=option.metavar,
            type=kind,
            help=option.text + usual,
        )


def _in_words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
