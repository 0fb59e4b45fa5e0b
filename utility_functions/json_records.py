"""Values and dataclasses as JSON and back, by their type hints, so that a new field needs no further code.

This is the one conversion for all JSON that the package writes. JSON has no numbers that are not finite: they are
written as null, and null is read back as NaN where a number is expected.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")

MOST_DEPTH = 100
"""The deepest nesting of a document that is read; networks within networks need about 30."""
TOO_DEEP = f"Its parts are nested more than {MOST_DEPTH} deep."


def to_json(value: Any) -> Any:
    """``value`` in the terms of JSON: numbers that are not finite become None, paths text, arrays and tuples lists.

    A pandas frame becomes a list of records, and its missing values become None; pandas is not imported for it.
    Raises: ValueError for what is no plain value, array or dataclass.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_json(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return to_json(value.tolist())
    if type(value).__name__ == "DataFrame":
        return to_json(value.to_dict("records"))
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, set | frozenset):
        return to_json(sorted(value))
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(
        f"Only plain values, arrays and dataclasses can be kept as JSON. Received: {type(value).__name__}."
    )


def json_text(value: Any, indent: int | None = None, sort_keys: bool = False) -> str:
    """``value`` as the text of a JSON document."""
    return json.dumps(to_json(value), indent=indent, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False)


def parsed_json(text: str | bytes) -> Any:
    """The value of a JSON document. Raises: ValueError for what is none, or nests deeper than MOST_DEPTH."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    depth, level = 0, [value]
    while level:
        if depth > MOST_DEPTH:
            raise ValueError(TOO_DEEP)
        depth += 1
        level = [part for each in level for part in _parts_of(each) if isinstance(part, dict | list)]
    return value


def _parts_of(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def from_json(kind: type[T], value: Any) -> T:
    """The dataclass ``kind`` (or any type one can hold) that ``to_json`` made ``value`` of.

    Raises: ValueError where the value does not fit.
    """
    try:
        found: T = _made(kind, value)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"This is no record of {getattr(kind, '__name__', kind)} ({error}). Received: {str(value)[:80]}."
        ) from error
    return found


def _made(kind: Any, value: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        rest = [each for each in inner if each is not type(None)]
        return None if value is None and len(rest) < len(inner) else _made(rest[0], value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        names = {each.name for each in fields(kind) if each.init}
        if unknown := sorted(set(value) - names):
            raise KeyError(f"unknown: {', '.join(unknown)}")
        made: Any = kind
        return made(**{name: _made(hints[name], item) for name, item in value.items()})
    if origin is np.ndarray or kind is np.ndarray:
        return np.array(_numbers(value), dtype=np.float64)
    if origin is tuple:
        each = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else list(inner)
        return tuple(_made(own, item) for own, item in zip(each, value, strict=True))
    if origin in (list, Sequence):
        return [_made(inner[0], item) for item in value]
    if origin in (dict, Mapping):
        return {key: _made(inner[1], item) for key, item in value.items()}
    if kind is float:
        return _number(value)
    if kind is Path:
        return Path(value)
    if isinstance(kind, type) and not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _number(value: Any) -> float:
    """The number; NaN for null. Version 0.1.0 wrote what is not finite as "nan", "inf" and "-inf"."""
    return math.nan if value is None else float(value)


def _numbers(value: Any) -> Any:
    return [_numbers(item) for item in value] if isinstance(value, list) else _number(value)
